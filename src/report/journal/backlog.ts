import type { LogEntry } from "../log-line.ts";

/** An entry that waits, and what it is in the native protocol. */
export interface Waiting {
  readonly entry: LogEntry;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const MAX_ENTRIES = 512;
const MAX_BYTES = 1 << 20;

/** Entries the journal did not take yet, oldest first. When it is full the oldest go, and are counted. */
export class Backlog {
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #lost = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#lost === 0;
  }

  /** How many were dropped, all of them older than what is kept. */
  get lost(): number {
    return this.#lost;
  }

  get first(): Waiting | undefined {
    return this.#waiting[0];
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes.length;
    while (this.#waiting.length > MAX_ENTRIES || this.#bytes > MAX_BYTES) {
      this.removeFirst();
      this.#lost++;
    }
  }

  removeFirst(): void {
    this.#bytes -= this.#waiting.shift()?.bytes.length ?? 0;
  }

  /** It was said how many were dropped. */
  forgetLost(): void {
    this.#lost = 0;
  }
}
