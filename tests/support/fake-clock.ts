import type { Clock } from "../../src/clock.ts";

/** Time that stands still until it is told to pass. */
export class FakeClock implements Clock {
  /** Wall time less monotonic time. */
  wallOffset = Date.UTC(2026, 0, 2);
  #nowMs = 1_000_000;
  readonly #timers = new Set<{ atMs: number; run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Milliseconds since the epoch. */
  get wall(): number {
    return this.#nowMs + this.wallOffset;
  }

  /** What a crash does to timers. */
  clear(): void {
    this.#timers.clear();
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass, timer by timer, each with what it sets off that takes no time. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets everything happen that takes no time. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
