import type { Clock } from "../clock.ts";

/** What the chores are. */
export interface ChoresPorts {
  readonly clock: Clock;
  readonly run: () => void;
  /** Is something left that the next second may settle? */
  readonly isWaiting: () => boolean;
}

const BUSY_MS = 1000;
// For what nobody tells of. Once a second, as before, all of it cost 0.1 % of a core and a wake-up a second.
const IDLE_MS = 10_000;

/** Small work that is done now and then: within a second after something has happened and while something waits, otherwise rarely. */
export class Chores {
  readonly #ports: ChoresPorts;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => undefined;

  constructor(ports: ChoresPorts) {
    this.#ports = ports;
  }

  /** Something has happened that may leave work. Before the first call nothing is done. */
  stir(): void {
    this.#runWithin(BUSY_MS);
  }

  stop(): void {
    this.#cancel();
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  #runWithin(ms: number): void {
    const atMs = this.#ports.clock.nowMs() + ms;
    if (atMs >= this.#dueMs) return;
    this.#dueMs = atMs;
    this.#cancel();
    this.#cancel = this.#ports.clock.after(ms, () => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#ports.run();
      this.#runWithin(this.#ports.isWaiting() ? BUSY_MS : IDLE_MS);
    });
  }
}
