const LINE_EVERY_MS = 15_000;

/** Tells how far it is: one line that is written over on a terminal, now and then a line elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(text: string): void {
    if (this.#out.isTTY) this.#out.write(`\r\x1b[K${text}`);
    else if (performance.now() - this.#lastLineMs >= LINE_EVERY_MS) {
      this.#lastLineMs = performance.now();
      this.#out.write(`${text}\n`);
    }
  }

  /** Before something else is written. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\x1b[K");
  }
}
