import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import { type KernelKills, OomLedger } from "./oom-ledger.ts";
import type { Watch } from "./watch.ts";

/** Looks for the kernel's kills after it said that a cgroup is out of memory. */
interface Check {
  readonly watch: Watch;
  readonly untilMs: number;
  delayMs: number;
  nextMs: number;
}

// The notification comes before the kill (mem_cgroup_oom_notify(), mm/memcontrol-v1.c), and the kill prints to the
// console first, which may take its time.
const LOOK_FOR_MS = 1000;
const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 50;
// Time for the kernel to choose and kill where the guard might choose somebody else.
const YIELD_MS = 50;
// Time for the kernel's victim to free its memory.
const YIELD_AFTER_KILL_MS = 200;

/**
 * Follows out-of-memory notifications: counts what the kernel killed, and keeps the guard's hands off a cgroup in which
 * the kernel is about to kill, so that one shortage never costs two victims.
 */
export class OomWatch {
  readonly #ledger: OomLedger;
  readonly #checks = new Map<number, Check>();
  readonly #yields = new Map<string, number>();

  constructor(reader: MemoryReader) {
    this.#ledger = new OomLedger(reader);
  }

  /** The cgroup is being armed, perhaps anew with another limit in the middle of an OOM. */
  learn(watch: Watch): void {
    const { slot, cgroup, armed } = watch.spec;
    if (!this.#ledger.learn(armed.directoryFd, cgroup)) return;
    this.#checks.set(slot, { watch, untilMs: 0, delayMs: FIRST_LOOK_MS, nextMs: 0 });
  }

  /** The watch is released. Its counter stays: it may only be armed anew with another limit. */
  drop({ spec }: Watch): void {
    this.#checks.delete(spec.slot);
    this.#yields.delete(spec.cgroup);
  }

  forgetCounter(cgroup: string): void {
    this.#ledger.forget(cgroup);
  }

  /** The kernel said that this cgroup is out of memory. @param yieldToKernel it may choose another victim than the guard */
  notified(watch: Watch, yieldToKernel: boolean, nowMs: number): void {
    this.#checks.set(watch.spec.slot, {
      watch,
      untilMs: nowMs + LOOK_FOR_MS,
      delayMs: FIRST_LOOK_MS,
      nextMs: nowMs,
    });
    if (yieldToKernel) this.#yields.set(watch.spec.cgroup, nowMs + YIELD_MS);
  }

  /** Until when the guard must not kill in this cgroup; 0: it may. */
  yieldsUntilMs(cgroup: string, nowMs: number): number {
    let latest = 0;
    for (const [other, untilMs] of this.#yields) {
      if (untilMs <= nowMs) this.#yields.delete(other);
      else if (isWithin(cgroup, other) || isWithin(other, cgroup)) latest = Math.max(latest, untilMs);
    }
    return latest;
  }

  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { nextMs } of this.#checks.values()) next = Math.min(next, nextMs);
    return next;
  }

  /**
   * Makes the looks that are due.
   * @param onKills what the kernel killed; null where this kernel does not count
   */
  check(nowMs: number, onKills: (watch: Watch, kills: KernelKills | null) => void): void {
    for (const [slot, check] of this.#checks) {
      if (check.nextMs > nowMs) continue;
      const { spec } = check.watch;
      const kills = this.#ledger.claim(spec.armed.directoryFd, spec.cgroup, nowMs);
      if (kills === null) {
        this.#checks.delete(slot);
        onKills(check.watch, null);
        continue;
      }
      for (const killed of kills) onKills(check.watch, killed);
      if (kills.length > 0 && this.#yields.has(spec.cgroup)) {
        this.#yields.set(spec.cgroup, nowMs + YIELD_AFTER_KILL_MS);
      }
      check.delayMs = Math.min(check.delayMs * 2, LONGEST_LOOK_MS);
      check.nextMs = nowMs + check.delayMs;
      if (check.nextMs > check.untilMs) this.#checks.delete(slot);
    }
  }
}
