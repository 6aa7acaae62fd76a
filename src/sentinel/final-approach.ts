import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { type Allowance, allowanceLeftMs, fullAllowance, spend } from "../decide/allowance.ts";
import {
  type ClosingIn,
  closeIn,
  closeLooks,
  comeNear,
  isRehearsalDue,
  isSoon,
} from "../decide/closing-in.ts";
import { type Reading, reclaimableBytes } from "../decide/reading.ts";
import { step } from "../decide/step.ts";
import type { Executor } from "./executor.ts";
import type { Watch } from "./watch.ts";

/**
 * Follows fast leaks through their last milliseconds below the threshold, and where there is page cache above it, through
 * their last milliseconds of that. The kernel looks at thresholds only once in 128 pages (0.3 ms at 1.8 GB/s), and of cache
 * that is used up nothing tells; and a leak sweeps everything out of the caches: what a kill goes through took 0.4 ms after a
 * notification, and takes 0.15 where it has been gone through just before.
 */
export class FinalApproach {
  readonly #reader: MemoryReader;
  readonly #executor: Executor;
  #allowance: Allowance = fullAllowance(closeLooks);

  constructor(reader: MemoryReader, executor: Executor) {
    this.#reader = reader;
    this.#executor = executor;
  }

  /** The cgroup has come near its limit. @returns when to look at it again; Infinity: at the next notification */
  begin(watch: Watch, usageBytes: number, nowMs: number): number {
    if (!this.#mayKillIn(watch)) return Number.POSITIVE_INFINITY;
    watch.closingIn ??= comeNear(usageBytes, nowMs);
    return watch.closingIn.nextMs;
  }

  /** A look found it still below its threshold. @returns when to look again, as `begin` does */
  follow(watch: Watch, usageBytes: number, nowMs: number): number {
    if (watch.closingIn === null) return Number.POSITIVE_INFINITY;
    const { nearBytes, bounds } = watch.spec;
    const next = closeIn(watch.closingIn, usageBytes, bounds.thresholdBytes - usageBytes, nowMs);
    const rehearse = () => this.#rehearseFromReading(watch, usageBytes, nowMs);
    watch.closingIn = usageBytes < nearBytes ? null : this.#goOn(next, nowMs, rehearse);
    return watch.closingIn?.nextMs ?? Number.POSITIVE_INFINITY;
  }

  /** A look found it over its threshold, with cache to reclaim. @returns when to look again; Infinity: at its own pace */
  useUp(watch: Watch, reading: Reading, nowMs: number): number {
    const reclaimable = reclaimableBytes(reading);
    const fixedBytes = reading.residentBytes - reclaimable;
    const distanceBytes = reclaimable - watch.spec.bounds.cacheFloorBytes;
    if (watch.usingUp === null) {
      const isToBeFollowed = isSoon(watch.state.pace.bytesPerMs, distanceBytes) && this.#isPaidFor(nowMs);
      if (!isToBeFollowed || !this.#mayKillIn(watch)) return Number.POSITIVE_INFINITY;
      watch.usingUp = comeNear(fixedBytes, nowMs);
      return watch.usingUp.nextMs;
    }
    const next = closeIn(watch.usingUp, fixedBytes, distanceBytes, nowMs);
    watch.usingUp = this.#goOn(next, nowMs, () => this.#executor.rehearse(watch, reading));
    return watch.usingUp?.nextMs ?? Number.POSITIVE_INFINITY;
  }

  #mayKillIn({ spec }: Watch): boolean {
    return spec.policy !== "noop" && !this.#executor.ongoing.blocks(spec.cgroup);
  }

  /** What follows from a look: a rehearsal, if one is due. @returns null: it is followed no more */
  #goOn(next: ClosingIn, nowMs: number, rehearse: () => void): ClosingIn | null {
    if (!this.#isPaidFor(nowMs) || next.nextMs === Number.POSITIVE_INFINITY) return null;
    const isDue = isRehearsalDue(next, nowMs);
    if (isDue) rehearse();
    this.#allowance = spend(this.#allowance, closeLooks, performance.now() - nowMs, nowMs);
    return isDue ? { ...next, rehearsedMs: nowMs } : next;
  }

  #isPaidFor(nowMs: number): boolean {
    return allowanceLeftMs(this.#allowance, closeLooks, nowMs) > 0;
  }

  /** Everything a kill of this moment would go through, but for its effects. */
  #rehearseFromReading(watch: Watch, usageBytes: number, nowMs: number): void {
    const { spec, state } = watch;
    const reading = this.#reader.reading(spec.armed, usageBytes, spec.bounds.cacheFloorBytes);
    if (typeof reading === "number") return;
    step(state, reading, spec.bounds, spec.policy, { nowMs, blocked: false, bytesPerMs: 0, held: false });
    this.#executor.rehearse(watch, reading);
  }
}
