import { LONGEST_POLL_MS, pace, sharedPollMs, togetherMs } from "../decide/pace.ts";
import type { Verdict } from "../decide/step.ts";
import { TurnoverMap } from "../turnover-map.ts";
import { hasThreshold, type Watch, willBeTold } from "./watch.ts";

// Where only the next crossing may escape the kernel: usage that trembles right below its threshold
// is read 250 times a second.
const UNHEARD_MS = 4;

/** When to look at which cgroup without being notified. */
export class Looks {
  readonly #polled = new TurnoverMap<number, Watch>();
  /** Those over their threshold because of cache. */
  readonly #full = new TurnoverMap<number, Watch>();
  /** Those right below their threshold whose next crossing the kernel may not tell. */
  readonly #unheard = new TurnoverMap<number, Watch>();

  /** When the next one is due; Infinity: none is. */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const watch of this.#polled.values()) next = Math.min(next, watch.nextPollMs);
    return next;
  }

  /** Those that are due, none of them twice, however soon it is due again. */
  due(nowMs: number): Watch[] {
    const due: Watch[] = [];
    for (const watch of this.#polled.values()) if (watch.nextPollMs <= nowMs) due.push(watch);
    return due;
  }

  /** Looks at it then, and not before; Infinity: when it is notified. */
  at(watch: Watch, atMs: number): void {
    watch.nextPollMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) this.#polled.delete(watch.spec.slot);
    else this.#polled.set(watch.spec.slot, watch);
  }

  /** Looks at it then at the latest. */
  by(watch: Watch, atMs: number): void {
    if (atMs < watch.nextPollMs) this.at(watch, atMs);
  }

  /** As a verdict asks for. */
  after(watch: Watch, { state, pollMs }: Verdict, nowMs: number): void {
    const isFull = state.phase === "cache";
    if (isFull) this.#full.set(watch.spec.slot, watch);
    else this.#full.delete(watch.spec.slot);
    this.#unheard.delete(watch.spec.slot);
    const idleMs = hasThreshold(watch) ? Number.POSITIVE_INFINITY : LONGEST_POLL_MS;
    const sharedMs = isFull ? sharedPollMs(pollMs, this.#full.size - 1) : pollMs;
    this.at(watch, pollMs < 0 ? nowMs + idleMs : togetherMs(nowMs, sharedMs));
  }

  /** Sees to it that somebody notices when usage below the threshold gets there: the kernel may not tell, or not yet. */
  lookOut(watch: Watch, usageBytes: number, nowMs: number): void {
    if (willBeTold(watch)) return;
    const distanceBytes = watch.spec.bounds.thresholdBytes - usageBytes;
    watch.approach = pace(watch.approach, usageBytes, distanceBytes, nowMs);
    const pollMs = Math.min(watch.approach.pollMs, LONGEST_POLL_MS);
    this.at(watch, nowMs + (hasThreshold(watch) ? this.#unheardPollMs(watch, pollMs) : pollMs));
  }

  /** A cgroup that is watched no more. */
  drop(watch: Watch): void {
    this.#polled.delete(watch.spec.slot);
    this.#full.delete(watch.spec.slot);
    this.#unheard.delete(watch.spec.slot);
  }

  #unheardPollMs(watch: Watch, pollMs: number): number {
    this.#unheard.set(watch.spec.slot, watch);
    return sharedPollMs(Math.max(pollMs, UNHEARD_MS), this.#unheard.size - 1);
  }
}
