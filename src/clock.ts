/** Time for whoever waits: the real one, or a test's. */
export interface Clock {
  /** Milliseconds since any fixed moment, never going back. */
  nowMs(): number;
  /** Runs something once, later; the result takes that back. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(ms, run) {
    // Rounded up: a timer that fires early would be set again.
    const timer = setTimeout(run, Math.ceil(ms));
    return () => clearTimeout(timer);
  },
};
