import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestApiServer } from "./api-server.ts";
import type { Certificate } from "./pki.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What is to happen to requests. */
export interface Fault {
  /** Every method unless given. */
  readonly method?: string;
  /** Of path and query; every path unless given. */
  readonly path?: RegExp;
  /** So many requests only. */
  readonly times?: number;
  /** False: the server never hears of it. Otherwise it has acted by the time the answer is interfered with. */
  readonly forward?: boolean;
  /** Before the answer, or what there is instead of it. */
  readonly delayMs?: number;
  /**
   * Instead of the server's: `drop` closes the connection without one, `cut` in the midst of it, `hang` leaves the
   * client without one for ever, `drip` with a byte a second.
   */
  readonly answer?: "drop" | "cut" | "hang" | "drip" | Answer;
}

export interface RecordedRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly body: string;
  /** What the server said; null: it was not asked, or is not there. */
  readonly status: number | null;
}

/** Headers that are about the connection, not about the request or the answer. */
const HOP_BY_HOP = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "expect",
]);

/**
 * Stands between a client and the API server and steals answers. Clients need a token: their certificates end here.
 */
export class AnswerThief {
  readonly requests: RecordedRequest[] = [];
  readonly #api: TestApiServer;
  readonly #server: Server;
  #faults: { readonly fault: Fault; left: number }[] = [];

  private constructor(api: TestApiServer, { cert, key }: Certificate) {
    this.#api = api;
    this.#server = createServer(
      { cert: readFileSync(cert), key: readFileSync(key) },
      (request, response) => void this.#serve(request, response).catch(() => request.socket.destroy()),
    );
  }

  /**
   * @param certificate what it shows: by default a good one, of the cluster's authority
   * @param port any free one unless given
   */
  static async start(
    api: TestApiServer,
    certificate: Certificate = api.authority.issue({ commonName: "kube-apiserver", server: true }),
    port = 0,
  ): Promise<AnswerThief> {
    const thief = new AnswerThief(api, certificate);
    await new Promise<void>((resolve) => thief.#server.listen(port, "127.0.0.1", resolve));
    return thief;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From the next request on. Of several that fit, the one injected first takes effect. */
  inject(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  /** Lets all later requests pass. */
  relent(): void {
    this.#faults = [];
  }

  /** The requests so far of a method, with a path like that. */
  recorded(method: string, path = /(?:)/): RecordedRequest[] {
    return this.requests.filter((request) => request.method === method && path.test(request.path));
  }

  /** Closes all connections. */
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/" } = request;
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const fault = this.#faultFor(method, path);
    const answer = fault.forward === false ? null : await this.#forward(request, response, body);
    this.requests.push({ method, path, body: body.toString(), status: answer?.status ?? null });
    if (fault.delayMs !== undefined) await Bun.sleep(fault.delayMs);
    if (fault.answer === "hang") return;
    if (fault.answer === "drip") {
      drip(response);
      return;
    }
    if (typeof fault.answer === "object") {
      response.writeHead(fault.answer.status, fault.answer.headers).end(fault.answer.body);
      return;
    }
    if (answer === null || fault.answer === "drop") request.socket.destroy();
    else if (fault.answer === "cut") cut(response, answer.status, await answer.text());
    else await pass(response, answer);
  }

  #faultFor(method: string, path: string): Fault {
    const found = this.#faults.find(
      ({ fault, left }) =>
        left > 0 && (fault.method ?? method) === method && (fault.path?.test(path) ?? true),
    );
    if (found === undefined) return {};
    found.left--;
    return found.fault;
  }

  async #forward(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<Response | null> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const headers = Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    try {
      return await fetch(`${this.#api.url}${request.url}`, {
        method: request.method ?? "GET",
        headers: headers.map(([name, value]): [string, string] => [name, String(value)]),
        ...(body.length === 0 ? {} : { body }),
        redirect: "manual",
        decompress: false,
        signal: gone.signal,
        tls: { ca: readFileSync(this.#api.ca) },
      });
    } catch {
      return null;
    }
  }
}

/** Piece by piece: a watch has no end. */
async function pass(response: ServerResponse, answer: Response): Promise<void> {
  const headers = [...answer.headers].filter(([name]) => !HOP_BY_HOP.has(name));
  response.writeHead(answer.status, Object.fromEntries(headers));
  response.flushHeaders();
  for await (const chunk of answer.body ?? []) response.write(chunk);
  response.end();
}

function drip(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": 1_000_000 });
  response.flushHeaders();
  const timer = setInterval(() => response.write(" "), 1000);
  response.once("close", () => clearInterval(timer));
}

function cut(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.write(body.slice(0, body.length / 2), () => response.socket?.destroy());
}
