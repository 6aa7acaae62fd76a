interface Tally {
  count: number;
  untilMs: number;
}

const MAX_CGROUPS = 1000;

/** A number for each cgroup, of kills that one source has told of and the other has not. Bounded: the oldest go. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>();

  /** One more. @param untilMs when all of this cgroup's are forgotten */
  add(cgroup: string, untilMs: number): void {
    const count = this.#tallies.get(cgroup)?.count ?? 0;
    this.#tallies.delete(cgroup);
    this.#tallies.set(cgroup, { count: count + 1, untilMs });
    for (const oldest of this.#tallies.keys()) {
      if (this.#tallies.size <= MAX_CGROUPS) break;
      this.#tallies.delete(oldest);
    }
  }

  /** One less. @returns false: there is none */
  take(cgroup: string, nowMs: number): boolean {
    const tally = this.#tallies.get(cgroup);
    if (tally === undefined) return false;
    const isOver = tally.untilMs <= nowMs;
    if (isOver || --tally.count === 0) this.#tallies.delete(cgroup);
    return !isOver;
  }

  /** They are forgotten at that time at the latest. */
  expire(cgroup: string, untilMs: number): void {
    const tally = this.#tallies.get(cgroup);
    if (tally !== undefined) tally.untilMs = Math.min(tally.untilMs, untilMs);
  }
}
