import type { Epoll } from "../../ffi/epoll.ts";
import { ENODEV, errnoName } from "../../ffi/errno.ts";
import { readWithinBudget } from "../act/strike.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { staysInStep } from "../decide/crossing.ts";
import type { Reading } from "../decide/reading.ts";
import { skipReason } from "../decide/skip.ts";
import { belowThreshold, step, usageSuffices, type Verdict } from "../decide/step.ts";
import { WAITING_LOOK_MS } from "../decide/waiting.ts";
import type { Trigger } from "../record/incident.ts";
import type { Executor } from "./executor.ts";
import { FinalApproach } from "./final-approach.ts";
import { Looks } from "./looks.ts";
import type { OomWatch } from "./oom-watch.ts";
import type { FromSentinel, Start } from "./protocol.ts";
import { countSkip } from "./skips.ts";
import type { Troubles } from "./troubles.ts";
import { lookAtWaiters } from "./waiters.ts";
import { freshSnapshot, heedThreshold, isHeld, listenToReclaim, type Watch } from "./watch.ts";

// Over the threshold with nobody to kill, or not readable: look again now and then.
const RETRY_MS = 1000;
// Notifications do not make it look for somebody to kill more often than that: in a crowd it takes 8 ms.
const NOBODY_MS = 50;
// Main is told of a near limit at most this often per cgroup; it reclaims far more seldom still.
const NEAR_AGAIN_MS = 5000;

/** What a judge works with, all of it the sentinel's. */
export interface Court {
  readonly start: Start;
  readonly reader: MemoryReader;
  readonly epoll: Epoll;
  readonly executor: Executor;
  readonly oom: OomWatch;
  readonly troubles: Troubles;
  readonly post: (message: FromSentinel) => void;
}

/** Looks at one cgroup at a time: read, decide, kill or when to look again. What wakes it is `sentinel.ts`. */
export class Judge {
  readonly #start: Start;
  readonly #reader: MemoryReader;
  readonly #epoll: Epoll;
  readonly #executor: Executor;
  readonly #oom: OomWatch;
  readonly #troubles: Troubles;
  readonly #post: (message: FromSentinel) => void;
  readonly #looks = new Looks();
  readonly #approach: FinalApproach;

  constructor({ start, reader, epoll, executor, oom, troubles, post }: Court) {
    this.#start = start;
    this.#reader = reader;
    this.#epoll = epoll;
    this.#executor = executor;
    this.#oom = oom;
    this.#troubles = troubles;
    this.#post = post;
    this.#approach = new FinalApproach(reader, executor);
  }

  /** When the next cgroup is to be looked at without a notification; Infinity: none is. */
  nextMs(): number {
    return this.#looks.nextMs();
  }

  /** Looks at those that are due. @param before called for each before that */
  lookAtDue(nowMs: number, before: (watch: Watch) => void): void {
    for (const watch of this.#looks.due(nowMs)) {
      before(watch);
      this.evaluate(watch, "poll", nowMs);
    }
  }

  /** A cgroup that is watched no more. */
  drop(watch: Watch): void {
    this.#looks.drop(watch);
  }

  /** Takes note of who is in a cgroup that is near its limit. */
  near(watch: Watch, nowMs: number): void {
    const usageBytes = this.#reader.usage(watch.spec.armed);
    if (usageBytes < watch.spec.nearBytes) {
      watch.skipped = 0;
      // Also the hysteresis of a noted excursion: it ends a margin below the threshold, which is here.
      if (watch.state.phase === "noted") this.evaluate(watch, "threshold", nowMs);
      return;
    }
    if (usageBytes >= watch.spec.bounds.thresholdBytes) {
      this.evaluate(watch, "threshold", nowMs);
      return;
    }
    const pids = pidsBelow(watch.spec.armed.directoryFd);
    const processes = readWithinBudget(this.#start.procRoot, pids);
    watch.snapshot = { atMs: nowMs, usageBytes, processes };
    this.#looks.by(watch, this.#approach.begin(watch, usageBytes, nowMs));
    this.#sayNear(watch, nowMs);
  }

  #sayNear(watch: Watch, nowMs: number): void {
    if (nowMs - watch.nearMs < NEAR_AGAIN_MS) return;
    watch.nearMs = nowMs;
    this.#post({ type: "near", slot: watch.spec.slot });
  }

  /** One look at a cgroup, and what follows from it. */
  evaluate(watch: Watch, trigger: Trigger, nowMs: number): void {
    const { spec } = watch;
    const usageBytes = this.#reader.usage(spec.armed);
    if (usageBytes < 0) {
      this.#unreadable(watch, -usageBytes, nowMs);
      return;
    }
    watch.inStep = staysInStep(watch.inStep, spec.bounds, usageBytes, trigger === "threshold");
    const held = isHeld(watch) && (trigger === "threshold" || watch.state.phase === "cache");
    if (usageSuffices(watch.state, spec.bounds, usageBytes, held)) {
      this.#apply(watch, belowThreshold(), nowMs);
      watch.usingUp = null;
      this.#looks.lookOut(watch, usageBytes, nowMs);
      this.#looks.by(watch, this.#approach.follow(watch, usageBytes, nowMs));
      if (usageBytes < spec.bounds.thresholdBytes - spec.bounds.marginBytes) watch.skipped = 0;
      if (watch.helpless) this.#tellRecovery(watch, usageBytes);
      if (trigger === "oom" || trigger === "poll") this.#mindWaiters(watch, usageBytes, nowMs);
      return;
    }
    watch.closingIn = null;
    const reading = this.#reader.reading(spec.armed, usageBytes, spec.bounds.cacheFloorBytes);
    if (typeof reading === "number") {
      this.#unreadable(watch, -reading, nowMs);
      return;
    }
    const yieldsUntilMs = this.#oom.yieldsUntilMs(spec.cgroup, nowMs);
    const blocked = yieldsUntilMs > 0 || this.#executor.ongoing.blocks(spec.cgroup);
    const bytesPerMs = growthOf(watch, usageBytes, trigger, nowMs);
    const look = { nowMs, blocked, bytesPerMs, held };
    const verdict = step(watch.state, reading, spec.bounds, spec.policy, look);
    this.#apply(watch, verdict, nowMs);
    if (verdict.state.phase === "cache") this.#looks.by(watch, this.#approach.useUp(watch, reading, nowMs));
    else watch.usingUp = null;
    if (verdict.state.phase === "blocked" && yieldsUntilMs > 0) this.#looks.at(watch, yieldsUntilMs);
    if (verdict.action === "note") this.#executor.note(watch, reading, trigger);
    if (verdict.action !== "kill") {
      const reason = skipReason(verdict.state.phase, reading, spec.bounds, yieldsUntilMs > 0);
      if (reason !== null) countSkip(this.#start.skips, watch, reason);
      this.#mindWaiters(watch, usageBytes, nowMs);
      return;
    }
    this.#strike(watch, reading, trigger, nowMs);
  }

  /** Tasks that wait at the limit are not left waiting, whatever the rule says. */
  #mindWaiters(watch: Watch, usageBytes: number, nowMs: number): void {
    const { spec } = watch;
    if (!spec.waitAtLimit) return;
    if (this.#executor.ongoing.blocks(spec.cgroup)) {
      watch.waitingSinceMs = Number.POSITIVE_INFINITY;
      return;
    }
    const need = lookAtWaiters(this.#reader, watch, usageBytes, nowMs);
    if (need === "none") return;
    this.#looks.at(watch, Math.min(watch.nextPollMs, nowMs + WAITING_LOOK_MS));
    if (need === "release") this.letGo(watch);
    if (need !== "kill") return;
    const reading = this.#reader.reading(spec.armed, usageBytes, spec.bounds.cacheFloorBytes);
    if (typeof reading === "number") this.#unreadable(watch, -reading, nowMs);
    else this.#strike(watch, reading, "oom", nowMs);
  }

  #strike(watch: Watch, reading: Reading, trigger: Trigger, nowMs: number): void {
    const { spec } = watch;
    watch.waitingSinceMs = Number.POSITIVE_INFINITY;
    const isLookedFor = nowMs >= watch.nobodyUntilMs;
    if (isLookedFor && this.#executor.kill(watch, reading, trigger, nowMs)) {
      watch.skipped = 0;
      return;
    }
    countSkip(this.#start.skips, watch, "no-victim");
    this.#looks.at(watch, nowMs + (isLookedFor ? RETRY_MS : NOBODY_MS));
    if (!isLookedFor) return;
    watch.nobodyUntilMs = nowMs + NOBODY_MS;
    // Files in memory alone are nobody's fault, and who may come is not there to be held back; who waits may have left.
    const { directoryFd } = spec.armed;
    if (pidsBelow(directoryFd).length > 0 || this.#reader.atLimit(directoryFd) === "waits")
      this.#tellNoVictim(watch);
  }

  /** Not right below the threshold: there the next notification would find the same again. */
  #tellRecovery({ spec }: Watch, usageBytes: number): void {
    const { thresholdBytes, marginBytes } = spec.bounds;
    if (usageBytes < thresholdBytes - marginBytes) this.#post({ type: "recovered", slot: spec.slot });
  }

  /** The guard can do nothing for it: the kernel must not hold it back for the guard. */
  letGo(watch: Watch): void {
    if (!watch.helpless) this.#post({ type: "helpless", slot: watch.spec.slot, isWatched: true });
    watch.helpless = true;
  }

  #tellNoVictim(watch: Watch): void {
    const { cgroup } = watch.spec;
    this.letGo(watch);
    this.#troubles.tell(
      "no-victim",
      `no-victim ${cgroup}`,
      `${cgroup} is over its threshold, but holds no process the guard may kill: the kernel's OOM killer stays in charge of it`,
    );
  }

  #apply(watch: Watch, verdict: Verdict, nowMs: number): void {
    watch.state = verdict.state;
    this.#looks.after(watch, verdict, nowMs);
    const isFull = verdict.state.phase === "cache";
    heedThreshold(this.#epoll, watch, !isFull);
    if (verdict.listenToReclaim) listenToReclaim(this.#epoll, watch);
    // Full of cache it crosses nothing any more, but main may reclaim it once the cooldown is over.
    if (isFull) this.#sayNear(watch, nowMs);
    if (verdict.state.phase === "calm") this.#troubles.settle(`no-victim ${watch.spec.cgroup}`);
  }

  #unreadable(watch: Watch, errno: number, nowMs: number): void {
    // A removed cgroup notifies one last time. Anything else may pass.
    watch.gone = errno === ENODEV;
    this.#looks.at(watch, watch.gone ? Number.POSITIVE_INFINITY : nowMs + RETRY_MS);
    const { slot, cgroup } = watch.spec;
    if (watch.gone) {
      this.#post({ type: "gone", slot });
      return;
    }
    this.letGo(watch);
    this.#troubles.tell(
      "cgroup-not-read",
      `read ${cgroup}`,
      `cannot read the memory of ${cgroup}: ${errnoName(errno)}`,
    );
  }
}

/** How fast usage grows: since it came near the limit, if that was just now. */
function growthOf(watch: Watch, usageBytes: number, trigger: Trigger, nowMs: number): number {
  if (trigger === "pressure" || trigger === "oom") return Number.POSITIVE_INFINITY;
  const snapshot = freshSnapshot(watch, nowMs);
  if (snapshot === null) return 0;
  return (usageBytes - snapshot.usageBytes) / Math.max(nowMs - snapshot.atMs, 0.1);
}
