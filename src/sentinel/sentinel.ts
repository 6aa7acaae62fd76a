import { Epoll } from "../../ffi/epoll.ts";
import { ENODEV, errnoName } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import type { sigkill } from "../../ffi/process.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { readWithinBudget } from "../act/strike.ts";
import { descriptors, type MemoryReader, type Signal } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { pace, stirred } from "../decide/pace.ts";
import type { Reading } from "../decide/reading.ts";
import { skipReason } from "../decide/skip.ts";
import { belowThreshold, step, usageSuffices, type Verdict } from "../decide/step.ts";
import { WAITING_LOOK_MS } from "../decide/waiting.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import type { Trigger } from "../record/incident.ts";
import { Executor } from "./executor.ts";
import type { Ongoing } from "./ongoing.ts";
import { OomWatch } from "./oom-watch.ts";
import type { FromSentinel, Known, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import { countSkip } from "./skips.ts";
import { Troubles } from "./troubles.ts";
import { lookAtWaiters } from "./waiters.ts";
import {
  attach,
  CONTROL_TAG,
  detach,
  freshSnapshot,
  hasThreshold,
  heedThreshold,
  isHeld,
  isListenedToOnce,
  listenTo,
  listenToReclaim,
  readTag,
  type Watch,
} from "./watch.ts";

const WAIT_CAPACITY = 64;
// Over the threshold with nobody to kill, or not readable: look again now and then.
const RETRY_MS = 1000;
// Notifications do not make it look for somebody to kill more often than that: in a crowd it takes 8 ms.
const NOBODY_MS = 50;
// Main is told of a near limit at most this often per cgroup; it reclaims far more seldom still.
const NEAR_AGAIN_MS = 5000;

// Where thresholds do not work each cgroup is looked at this often at least: 250 of them cost under 1 % of a core.
const LOOK_OUT_MS = 100;

/**
 * The thread that kills. Waits for the kernel's notifications and runs read -> decide -> kill to its end for each,
 * synchronously: no RPC, no log, no database, so nothing slow stands between a notification and a SIGKILL. What
 * happened goes to main as messages afterwards.
 */
export class Sentinel {
  readonly #start: Start;
  readonly #reader: MemoryReader;
  readonly #post: (message: FromSentinel) => void;
  readonly #receive: () => ToSentinel | undefined;
  readonly #epoll = new Epoll(WAIT_CAPACITY);
  readonly #watches = new Map<number, Watch>();
  readonly #slots = new Map<string, number>();
  readonly #polled = new Set<Watch>();
  readonly #troubles: Troubles;
  readonly #executor: Executor;
  readonly #oom: OomWatch;
  #stopped = false;

  /**
   * @param receive the next message of main, undefined when there is none
   * @param signal how a process is killed: `sigkill`, but for a rehearsal
   */
  constructor(
    start: Start,
    reader: MemoryReader,
    post: (message: FromSentinel) => void,
    receive: () => ToSentinel | undefined,
    signal: typeof sigkill,
  ) {
    this.#start = start;
    this.#reader = reader;
    this.#post = post;
    this.#receive = receive;
    this.#troubles = new Troubles(post);
    this.#executor = new Executor(start, reader, post, this.#troubles, signal);
    this.#oom = new OomWatch(reader);
    this.#epoll.add(start.controlFd, CONTROL_TAG);
  }

  /** Blocks the thread until main says stop. */
  run(): void {
    while (!this.#stopped) {
      const ready = this.#epoll.wait(this.#timeoutMs(performance.now()));
      const nowMs = performance.now();
      let control = false;
      for (let i = 0; i < ready; i++) {
        const tag = this.#epoll.tagAt(i);
        if (tag === CONTROL_TAG) control = true;
        else this.#notified(tag, nowMs);
      }
      this.#followUp(nowMs);
      if (control) this.#obey();
    }
    // What takes long to close goes with the process.
    for (const watch of this.#watches.values()) detach(this.#epoll, watch);
    this.#executor.ongoing.dropAll();
    this.#epoll.close();
    this.#post({ type: "stopped" });
  }

  #timeoutMs(nowMs: number): number {
    let next = Math.min(this.#executor.ongoing.nextMs(), this.#oom.nextMs());
    for (const watch of this.#polled) next = Math.min(next, watch.nextPollMs);
    return next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(next - nowMs));
  }

  #notified(tag: number, nowMs: number): void {
    const { slot, meaning } = readTag(tag);
    const watch = this.#watches.get(slot);
    if (watch === undefined || watch.gone) return;
    switch (meaning) {
      case "threshold":
      case "pressure":
        if (isListenedToOnce(watch)) this.#stir(watch);
        this.#hearOfOom(watch, nowMs);
        this.#evaluate(watch, meaning, nowMs);
        break;
      case "reclaim":
        this.#stir(watch);
        this.#evaluate(watch, "pressure", nowMs);
        break;
      case "near":
        this.#near(watch, nowMs);
        break;
      case "oom":
        this.#outOfMemory(watch, nowMs);
        this.#evaluate(watch, "oom", nowMs);
    }
  }

  #stir(watch: Watch): void {
    watch.state = { ...watch.state, pace: stirred(watch.state.pace) };
  }

  #outOfMemory(watch: Watch, nowMs: number): void {
    // Where tasks wait for the guard, the kernel has nothing to be given way for.
    const { waitAtLimit, armed } = watch.spec;
    if (waitAtLimit && this.#reader.atLimit(armed.directoryFd) !== "kills") return;
    this.#oom.notified(watch, !this.#executor.diesAsAWhole(watch.spec), nowMs);
  }

  /** Where one notification stands for everything that happens to the memory of a cgroup, was it an OOM? */
  #hearOfOom(watch: Watch, nowMs: number): void {
    const events = this.#reader.oomEvents(watch.spec.armed.directoryFd);
    if (!(events >= 0) || events === watch.oomEvents) return;
    watch.oomEvents = events;
    this.#outOfMemory(watch, nowMs);
  }

  /** What is due by time: victims that may be dead by now, kills of the kernel's, polls. */
  #followUp(nowMs: number): void {
    if (this.#executor.ongoing.count > 0) {
      this.#executor.ongoing.check(
        nowMs,
        (cgroup) => this.#usageOf(cgroup),
        (ongoing) => this.#executor.killNewcomers(ongoing),
        (ongoing, outcome) => (outcome === "dead" ? this.#dead(ongoing, nowMs) : this.#stuck(ongoing, nowMs)),
      );
    }
    this.#oom.check(nowMs, (watch, kills) => this.#executor.tellKernelKills(watch, kills));
    for (const watch of this.#polled) {
      if (watch.nextPollMs > nowMs) continue;
      if (!watch.heedsThreshold) this.#hearOfOom(watch, nowMs);
      this.#evaluate(watch, "poll", nowMs);
    }
  }

  #near(watch: Watch, nowMs: number): void {
    const usageBytes = this.#reader.usage(watch.spec.armed);
    if (usageBytes < watch.spec.nearBytes) {
      watch.skipped = 0;
      // Also the hysteresis of a noted excursion: it ends a margin below the threshold, which is here.
      if (watch.state.phase === "noted") this.#evaluate(watch, "threshold", nowMs);
      return;
    }
    if (usageBytes >= watch.spec.bounds.thresholdBytes) {
      this.#evaluate(watch, "threshold", nowMs);
      return;
    }
    const pids = pidsBelow(watch.spec.armed.directoryFd);
    const processes = readWithinBudget(this.#start.procRoot, pids);
    watch.snapshot = { atMs: nowMs, usageBytes, processes };
    this.#sayNear(watch, nowMs);
  }

  #sayNear(watch: Watch, nowMs: number): void {
    if (nowMs - watch.nearMs < NEAR_AGAIN_MS) return;
    watch.nearMs = nowMs;
    this.#post({ type: "near", slot: watch.spec.slot });
  }

  #evaluate(watch: Watch, trigger: Trigger, nowMs: number): void {
    const { spec } = watch;
    const usageBytes = this.#reader.usage(spec.armed);
    if (usageBytes < 0) {
      this.#unreadable(watch, -usageBytes, nowMs);
      return;
    }
    const held = isHeld(watch) && (trigger === "threshold" || watch.state.phase === "cache");
    if (usageSuffices(watch.state, spec.bounds, usageBytes, held)) {
      this.#apply(watch, belowThreshold(), nowMs);
      if (!hasThreshold(watch)) this.#lookOut(watch, usageBytes, nowMs);
      if (usageBytes < spec.bounds.thresholdBytes - spec.bounds.marginBytes) watch.skipped = 0;
      if (watch.helpless) this.#tellRecovery(watch, usageBytes);
      if (trigger === "oom" || trigger === "poll") this.#mindWaiters(watch, usageBytes, nowMs);
      return;
    }
    const reading = this.#reader.reading(spec.armed, usageBytes);
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
    if (verdict.state.phase === "blocked" && yieldsUntilMs > 0) this.#pollAt(watch, yieldsUntilMs);
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
    this.#pollAt(watch, Math.min(watch.nextPollMs, nowMs + WAITING_LOOK_MS));
    if (need === "release") this.#letGo(watch);
    if (need !== "kill") return;
    const reading = this.#reader.reading(spec.armed, usageBytes);
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
    this.#pollAt(watch, nowMs + (isLookedFor ? RETRY_MS : NOBODY_MS));
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
  #letGo(watch: Watch): void {
    if (!watch.helpless) this.#post({ type: "helpless", slot: watch.spec.slot, isWatched: true });
    watch.helpless = true;
  }

  #tellNoVictim(watch: Watch): void {
    const { cgroup } = watch.spec;
    this.#letGo(watch);
    this.#troubles.tell(
      "no-victim",
      `no-victim ${cgroup}`,
      `${cgroup} is over its threshold, but holds no process the guard may kill: the kernel's OOM killer stays in charge of it`,
    );
  }

  #apply(watch: Watch, verdict: Verdict, nowMs: number): void {
    watch.state = verdict.state;
    const idleMs = hasThreshold(watch) ? Number.POSITIVE_INFINITY : LOOK_OUT_MS;
    this.#pollAt(watch, nowMs + (verdict.pollMs < 0 ? idleMs : verdict.pollMs));
    heedThreshold(this.#epoll, watch, verdict.state.phase !== "cache");
    if (verdict.listenToReclaim) listenToReclaim(this.#epoll, watch);
    // Full of cache it crosses nothing any more, but main may reclaim it once the cooldown is over.
    if (verdict.state.phase === "cache") this.#sayNear(watch, nowMs);
    if (verdict.state.phase === "calm") this.#troubles.settle(`no-victim ${watch.spec.cgroup}`);
  }

  /** Polls a cgroup below its threshold, because the kernel does not tell when it gets there, or not yet. */
  #lookOut(watch: Watch, usageBytes: number, nowMs: number): void {
    const distanceBytes = watch.spec.bounds.thresholdBytes - usageBytes;
    watch.approach = pace(watch.approach, usageBytes, distanceBytes, nowMs);
    this.#pollAt(watch, nowMs + Math.min(watch.approach.pollMs, LOOK_OUT_MS));
  }

  #pollAt(watch: Watch, atMs: number): void {
    watch.nextPollMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) this.#polled.delete(watch);
    else this.#polled.add(watch);
  }

  #unreadable(watch: Watch, errno: number, nowMs: number): void {
    // A removed cgroup notifies one last time. Anything else may pass.
    watch.gone = errno === ENODEV;
    this.#pollAt(watch, watch.gone ? Number.POSITIVE_INFINITY : nowMs + RETRY_MS);
    const { slot, cgroup } = watch.spec;
    if (watch.gone) {
      this.#post({ type: "gone", slot });
      return;
    }
    this.#letGo(watch);
    this.#troubles.tell(
      "cgroup-not-read",
      `read ${cgroup}`,
      `cannot read the memory of ${cgroup}: ${errnoName(errno)}`,
    );
  }

  #dead(ongoing: Ongoing, nowMs: number): void {
    this.#post({ type: "dead", id: ongoing.id, deadMillis: Math.round(nowMs - ongoing.struckMs) });
    this.#lookAgainAround(ongoing.spec.cgroup, nowMs);
  }

  #stuck(ongoing: Ongoing, nowMs: number): void {
    this.#executor.tellStuck(ongoing);
    // What it waits for may be with a task that waits at the limit.
    const watch = this.#watchOf(ongoing.spec.cgroup);
    if (watch?.spec.waitAtLimit) this.#letGo(watch);
    this.#lookAgainAround(ongoing.spec.cgroup, nowMs);
  }

  /** A kill that is over, one way or the other, lets the cgroups go on that it held up. */
  #lookAgainAround(cgroup: string, nowMs: number): void {
    for (const watch of this.#watches.values()) {
      const other = watch.spec.cgroup;
      if (watch.gone || !(isWithin(other, cgroup) || isWithin(cgroup, other))) continue;
      this.#evaluate(watch, "poll", nowMs);
    }
  }

  #usageOf(cgroup: string): number {
    const watch = this.#watchOf(cgroup);
    return watch === undefined ? -ENODEV : this.#reader.usage(watch.spec.armed);
  }

  #obey(): void {
    for (let message = this.#receive(); message !== undefined; message = this.#receive()) {
      switch (message.type) {
        case "watch":
          this.#add(message.spec);
          break;
        case "signals":
          this.#addSignals(message.slot, message.signals);
          break;
        case "release":
          this.#release(message.slot);
          break;
        case "know":
          this.#know(message.cgroup, message.known);
          break;
        case "ping":
          this.#post({ type: "pong", serial: message.serial });
          break;
        case "stop":
          this.#stopped = true;
          break;
      }
    }
  }

  #add(spec: WatchSpec): void {
    const watch = this.#attach(spec);
    if (watch === null) return;
    this.#watches.set(spec.slot, watch);
    this.#slots.set(spec.cgroup, spec.slot);
    this.#oom.learn(watch);
    watch.oomEvents = this.#reader.oomEvents(spec.armed.directoryFd);
    // A threshold that is exceeded already does not fire when it is registered.
    const nowMs = performance.now();
    this.#evaluate(watch, "poll", nowMs);
    this.#near(watch, nowMs);
  }

  #attach(spec: WatchSpec): Watch | null {
    try {
      return attach(this.#epoll, spec);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // fs.epoll.max_user_watches, or out of memory: this one stays the kernel's, the others are guarded on.
      for (const fd of descriptors(spec.armed)) close(fd);
      this.#post({ type: "helpless", slot: spec.slot, isWatched: false });
      this.#troubles.tell(
        "cgroup-not-armed",
        `attach ${error.code}`,
        `cannot watch ${spec.cgroup}: ${error.message}`,
      );
      return null;
    }
  }

  #addSignals(slot: number, signals: readonly Signal[]): void {
    const watch = this.#watches.get(slot);
    if (watch === undefined) {
      for (const { fd } of signals) close(fd);
      return;
    }
    try {
      listenTo(this.#epoll, watch, signals);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // As in `#attach`; without its threshold this one is polled.
      for (const signal of signals) if (!watch.signals.includes(signal)) close(signal.fd);
      this.#troubles.tell(
        "notification-refused",
        `listen ${error.code}`,
        `not all notifications about ${watch.spec.cgroup} are heard (${error.message}): the others and polling carry the watch`,
      );
    }
    const nowMs = performance.now();
    this.#evaluate(watch, "poll", nowMs);
    this.#near(watch, nowMs);
  }

  #release(slot: number): void {
    const watch = this.#watches.get(slot);
    let fds: number[] = [];
    if (watch !== undefined) {
      fds = detach(this.#epoll, watch);
      this.#watches.delete(slot);
      this.#polled.delete(watch);
      this.#oom.drop(watch);
      for (const trouble of ["no-victim", "read", "kill"])
        this.#troubles.settle(`${trouble} ${watch.spec.cgroup}`);
      if (this.#slots.get(watch.spec.cgroup) === slot) this.#slots.delete(watch.spec.cgroup);
    }
    this.#post({ type: "released", slot, fds });
  }

  #know(cgroup: string, known: Known | null): void {
    this.#executor.know(cgroup, known);
    // Removed: the next cgroup of its name is another one.
    if (known === null) this.#oom.forgetCounter(cgroup);
    const watch = this.#watchOf(cgroup);
    if (watch !== undefined) watch.intentPrefix = null;
  }

  #watchOf(cgroup: string): Watch | undefined {
    const slot = this.#slots.get(cgroup);
    return slot === undefined ? undefined : this.#watches.get(slot);
  }
}

/** How fast usage grows: since it came near the limit, if that was just now. */
function growthOf(watch: Watch, usageBytes: number, trigger: Trigger, nowMs: number): number {
  if (trigger === "pressure" || trigger === "oom") return Number.POSITIVE_INFINITY;
  const snapshot = freshSnapshot(watch, nowMs);
  if (snapshot === null) return 0;
  return (usageBytes - snapshot.usageBytes) / Math.max(nowMs - snapshot.atMs, 0.1);
}
