/** A clock that stands still until it is told to go on, and runs what is due on the way. */
export class FakeClock {
  now = 1_000_000;
  /** Wall time minus monotonic time. */
  wallOffset = Date.UTC(2026, 0, 2);
  readonly #timers = new Map<number, { atMs: number; run: () => void }>();
  #last = 0;

  get timers(): number {
    return this.#timers.size;
  }

  get wall(): number {
    return this.now + this.wallOffset;
  }

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    const id = ++this.#last;
    this.#timers.set(id, { atMs: this.now + delayMs, run });
    return () => this.#timers.delete(id);
  };

  /** What a crash does to timers. */
  clear(): void {
    this.#timers.clear();
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    await settled();
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (next === undefined || next[1].atMs > untilMs) break;
      this.#timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].atMs);
      next[1].run();
      await settled();
    }
    this.now = untilMs;
  }
}

/** Everything that needs no time has happened. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
