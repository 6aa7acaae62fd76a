import { readFileSync } from "node:fs";
import type { Socket } from "bun";
import { AnswerThief } from "./answer-thief.ts";
import type { TestApiServer } from "./api-server.ts";
import { freePort } from "./free-port.ts";
import type { Certificate } from "./pki.ts";

/** One address at which there is an API server, or something else, or nothing. */
export class Door {
  readonly #api: TestApiServer;
  readonly #port = freePort();
  #thief: AnswerThief | null = null;
  #close: () => void = () => undefined;

  constructor(api: TestApiServer) {
    this.#api = api;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Behind it is now the API server, with somebody between. @param certificate a good one unless given */
  async lead(certificate?: Certificate): Promise<AnswerThief> {
    this.shut();
    const thief = await AnswerThief.start(this.#api, certificate, this.#port);
    this.#thief = thief;
    this.#close = () => thief.stop();
    return thief;
  }

  /** Who stands between, while the API server is behind it. */
  get thief(): AnswerThief {
    if (this.#thief === null) throw new Error("no API server is behind this door");
    return this.#thief;
  }

  /** Behind it is now what says this to whoever comes, or writes. @param certificate it speaks TLS before */
  puzzle(words: { readonly greeting?: string; readonly answer?: string }, certificate?: Certificate): void {
    this.shut();
    const say = (socket: Socket, text: string | undefined) => {
      if (text !== undefined) socket.write(text);
    };
    const tls = certificate && {
      cert: readFileSync(certificate.cert, "utf8"),
      key: readFileSync(certificate.key, "utf8"),
    };
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: this.#port,
      ...(tls === undefined ? {} : { tls }),
      socket: { open: (it) => say(it, words.greeting), data: (it) => say(it, words.answer) },
    });
    // Who is inside stays there until they leave.
    this.#close = () => server.stop();
  }

  /** Behind it is nothing: connections are refused. */
  shut(): void {
    this.#close();
    this.#close = () => undefined;
    this.#thief = null;
  }
}
