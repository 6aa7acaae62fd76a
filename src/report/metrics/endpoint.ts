import { isIPv6 } from "node:net";
import type { ListenAddress } from "../../config/listen.ts";
import { isLoopback } from "../../config/listen.ts";
import type { Log } from "../log.ts";

const PATH = "/metrics";
// Nobody has anything to send.
const MAX_BODY_BYTES = 1024;
const IDLE_SECONDS = 30;

/** Makes what is served. */
export interface Served {
  readonly contentType: string;
  body(): Promise<string>;
}

/** Serves the metrics over HTTP at the address of the configuration, as soon as that is free. */
export class Endpoint {
  readonly #log: Log;
  #served: Served | null = null;
  #address: ListenAddress | null = null;
  #server: Bun.Server<undefined> | null = null;
  readonly #troubles = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Serves at this address and nowhere else; null: nowhere. */
  async serve(served: Served, address: ListenAddress | null): Promise<void> {
    const isSame = JSON.stringify(address) === JSON.stringify(this.#address);
    this.#served = served;
    if (isSame) return;
    await this.stop();
    this.#address = address;
    this.retry();
  }

  /** Whether it should serve, and cannot. */
  get isShut(): boolean {
    return this.#server === null && this.#address !== null;
  }

  /** Tries the address again where it could not be had. To be called now and then. */
  retry(): void {
    if (this.#server !== null || this.#address === null) return;
    const where = textOf(this.#address);
    try {
      this.#server = this.#listen(this.#address);
    } catch (error) {
      const cause = codeOf(error);
      const key = `metrics ${where} ${cause}`;
      this.#troubles.add(key);
      this.#log.once(
        "metrics-not-served",
        key,
        "warn",
        `metrics cannot be served at ${where} (${cause}): tried again every second`,
      );
      return;
    }
    this.#settle(where);
    this.#introduce(where, this.#address);
  }

  /** Serves no more; open connections end. */
  async stop(): Promise<void> {
    if (this.#address !== null) this.#settle(textOf(this.#address));
    this.#address = null;
    await this.#server?.stop(true);
    this.#server = null;
  }

  #listen({ host, port }: ListenAddress): Bun.Server<undefined> {
    return Bun.serve({
      hostname: host,
      port,
      // Another process that wants the port is told that it is taken.
      reusePort: false,
      maxRequestBodySize: MAX_BODY_BYTES,
      idleTimeout: IDLE_SECONDS,
      development: false,
      fetch: (request) => this.#answer(request),
      error: () => new Response("the metrics could not be made\n", { status: 500 }),
    });
  }

  async #answer(request: Request): Promise<Response> {
    if (new URL(request.url).pathname !== PATH)
      return new Response(`only ${PATH} is here\n`, { status: 404 });
    if (request.method !== "GET" && request.method !== "HEAD")
      return new Response("only to be read\n", { status: 405, headers: { allow: "GET, HEAD" } });
    const { contentType, body } = this.#served!;
    return new Response(await body(), { headers: { "content-type": contentType } });
  }

  #settle(where: string): void {
    for (const key of this.#troubles)
      this.#log.resolved("metrics-served", key, "debug", `${where} is no trouble any more`);
    this.#troubles.clear();
  }

  #introduce(where: string, address: ListenAddress): void {
    const message = `metrics are served at http://${where}${PATH}`;
    if (isLoopback(address)) this.#log.info("metrics-served", message);
    else
      this.#log.warn(
        "metrics-exposed",
        `${message}, without TLS and to whoever can connect: names of pods and their memory can be read there`,
      );
  }
}

const textOf = ({ host, port }: ListenAddress) => `${isIPv6(host) ? `[${host}]` : host}:${port}`;

const codeOf = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);
