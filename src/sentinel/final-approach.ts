import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { type Allowance, allowanceLeftMs, fullAllowance, spend } from "../decide/allowance.ts";
import { closeIn, closeLooks, comeNear, isRehearsalDue } from "../decide/closing-in.ts";
import { step } from "../decide/step.ts";
import type { Executor } from "./executor.ts";
import type { Watch } from "./watch.ts";

/**
 * Follows fast leaks through their last milliseconds below the threshold. The kernel looks at thresholds only once in 128
 * pages (0.3 ms at 1.8 GB/s), and a leak sweeps everything out of the caches: what a kill goes through took 0.4 ms after
 * a notification, and takes 0.15 where it has been gone through just before.
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
    const { cgroup, policy } = watch.spec;
    if (policy === "noop" || this.#executor.ongoing.blocks(cgroup)) return Number.POSITIVE_INFINITY;
    watch.closingIn ??= comeNear(usageBytes, nowMs);
    return watch.closingIn.nextMs;
  }

  /** A look found it still below its threshold. @returns when to look again, as `begin` does */
  follow(watch: Watch, usageBytes: number, nowMs: number): number {
    if (watch.closingIn === null) return Number.POSITIVE_INFINITY;
    const { nearBytes, bounds } = watch.spec;
    const next = closeIn(watch.closingIn, usageBytes, bounds.thresholdBytes - usageBytes, nowMs);
    const isLeft = usageBytes < nearBytes || allowanceLeftMs(this.#allowance, closeLooks, nowMs) <= 0;
    watch.closingIn = isLeft || next.nextMs === Number.POSITIVE_INFINITY ? null : next;
    if (watch.closingIn === null) return Number.POSITIVE_INFINITY;
    if (isRehearsalDue(next, nowMs)) {
      watch.closingIn = { ...next, rehearsedMs: nowMs };
      this.#rehearse(watch, usageBytes, nowMs);
    }
    this.#allowance = spend(this.#allowance, closeLooks, performance.now() - nowMs, nowMs);
    return next.nextMs;
  }

  /** Everything a kill of this moment would go through, but for its effects. */
  #rehearse(watch: Watch, usageBytes: number, nowMs: number): void {
    const { spec, state } = watch;
    const reading = this.#reader.reading(spec.armed, usageBytes, spec.bounds.cacheFloorBytes);
    if (typeof reading === "number") return;
    step(state, reading, spec.bounds, spec.policy, { nowMs, blocked: false, bytesPerMs: 0, held: false });
    this.#executor.rehearse(watch, reading);
  }
}
