const PATIENCE_MS = 1000;

/** Tells whether a thread answers. */
export class Pulse {
  readonly #ping: () => Promise<boolean>;
  #asked: Promise<boolean> | null = null;

  /** @param ping resolves when it answers: to false when it never will */
  constructor(ping: () => Promise<boolean>) {
    this.#ping = ping;
  }

  /** Whether it answers within a second. A question it owes an answer to is not asked again. */
  async beats(patienceMs = PATIENCE_MS): Promise<boolean> {
    this.#asked ??= this.#ping().finally(() => {
      this.#asked = null;
    });
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), patienceMs);
    try {
      return await Promise.race([this.#asked, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
