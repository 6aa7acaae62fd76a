import { Epoll } from "../../ffi/epoll.ts";
import { ENODEV, errnoName } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import type { sigkill } from "../../ffi/process.ts";
import { factsOf, orderUnits, type Surroundings } from "../act/choose.ts";
import { isWithin } from "../act/kill-process.ts";
import {
  describe,
  killNewcomers,
  LISTED_VICTIMS,
  readWithinBudget,
  type StrikeOrder,
  strike,
} from "../act/strike.ts";
import { closeUnits, openUnits, type Unit } from "../act/units.ts";
import type { MemoryReader, Signal } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { type KernelGeneration, kernelGeneration } from "../decide/kernel-generation.ts";
import { pace } from "../decide/pace.ts";
import type { Reading } from "../decide/reading.ts";
import { belowThreshold, step, usageSuffices, type Verdict } from "../decide/step.ts";
import { BlackBoxWriter } from "../record/black-box.ts";
import { draftIncident, type IncidentFacts, intentPrefix, intentText, thisMoment } from "../record/draft.ts";
import type { Trigger } from "../record/incident.ts";
import { type Ongoing, OngoingStrikes } from "./ongoing.ts";
import { OomWatch } from "./oom-watch.ts";
import type { FromSentinel, Known, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import {
  attach,
  CONTROL_TAG,
  detach,
  hasThreshold,
  listenTo,
  listenToReclaim,
  readTag,
  type Watch,
} from "./watch.ts";

const WAIT_CAPACITY = 64;
// Over the threshold with nobody to kill: look again now and then, somebody may have moved in.
const NO_VICTIM_POLL_MS = 1000;
// Main is told of a near limit at most this often per cgroup; it reclaims far more seldom still.
const NEAR_AGAIN_MS = 5000;

// Where thresholds do not work each cgroup is looked at this often at least: 250 of them cost under 1 % of a core.
const LOOK_OUT_MS = 100;
// Older than this, what was read when usage came near the limit is no longer true, and memory does not grow fast.
const SNAPSHOT_MS = 1000;
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
  readonly #signal: typeof sigkill;
  readonly #epoll = new Epoll(WAIT_CAPACITY);
  readonly #kernel: KernelGeneration;
  readonly #blackBox: BlackBoxWriter;
  readonly #watches = new Map<number, Watch>();
  readonly #slots = new Map<string, number>();
  readonly #polled = new Set<Watch>();
  readonly #known = new Map<string, Known>();
  readonly #ongoing = new OngoingStrikes();
  readonly #oom: OomWatch;
  readonly #troubled = new Set<string>();
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
    this.#signal = signal;
    this.#start = start;
    this.#reader = reader;
    this.#post = post;
    this.#receive = receive;
    this.#kernel = kernelGeneration(start.kernelRelease);
    this.#blackBox = new BlackBoxWriter(start.blackBoxFd);
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
    for (const watch of this.#watches.values()) detach(this.#epoll, watch);
    this.#ongoing.dropAll();
    this.#epoll.close();
    this.#post({ type: "stopped" });
  }

  #timeoutMs(nowMs: number): number {
    let next = Math.min(this.#ongoing.nextMs(), this.#oom.nextMs());
    for (const watch of this.#polled) next = Math.min(next, watch.nextPollMs);
    return next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(next - nowMs));
  }

  #notified(tag: number, nowMs: number): void {
    const { slot, meaning } = readTag(tag);
    const watch = this.#watches.get(slot);
    if (watch === undefined || watch.gone) return;
    switch (meaning) {
      case "threshold":
        this.#evaluate(watch, "threshold", nowMs);
        break;
      case "pressure":
      case "reclaim":
        this.#evaluate(watch, "pressure", nowMs);
        break;
      case "near":
        this.#near(watch, nowMs);
        break;
      case "oom": {
        this.#oom.notified(watch, !this.#diesAsAWhole(watch.spec), nowMs);
        this.#evaluate(watch, "oom", nowMs);
      }
    }
  }

  /** Whomever the kernel picks in a lone container, it is among those the guard would kill; elsewhere the picks may differ. */
  #diesAsAWhole(spec: WatchSpec): boolean {
    if (spec.policy !== "container") return false;
    const units = this.#unitsOf(spec);
    closeUnits(units);
    return units[0]?.cgroup === spec.cgroup;
  }

  /** What is due by time: victims that may be dead by now, kills of the kernel's, polls. */
  #followUp(nowMs: number): void {
    if (this.#ongoing.count > 0) {
      this.#ongoing.check(
        nowMs,
        (cgroup) => this.#usageOf(cgroup),
        (ongoing) => this.#killNewcomers(ongoing),
        (ongoing, outcome) => (outcome === "dead" ? this.#dead(ongoing, nowMs) : this.#stuck(ongoing, nowMs)),
      );
    }
    this.#oom.check(nowMs, (watch, cgroup, count) => this.#kernelKilled(watch, cgroup, count));
    for (const watch of this.#polled) {
      if (watch.nextPollMs <= nowMs) this.#evaluate(watch, "poll", nowMs);
    }
  }

  #near(watch: Watch, nowMs: number): void {
    const usageBytes = this.#reader.usage(watch.spec.armed);
    if (usageBytes < watch.spec.nearBytes) {
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
      this.#unreadable(watch, -usageBytes);
      return;
    }
    if (usageSuffices(watch.state, spec.bounds, usageBytes)) {
      this.#apply(watch, belowThreshold(), nowMs);
      if (!hasThreshold(watch)) this.#lookOut(watch, usageBytes, nowMs);
      return;
    }
    const reading = this.#reader.reading(spec.armed, usageBytes);
    if (reading === null) {
      this.#unreadable(watch, ENODEV);
      return;
    }
    const yieldsUntilMs = this.#oom.yieldsUntilMs(spec.cgroup, nowMs);
    const blocked = yieldsUntilMs > 0 || this.#ongoing.blocks(spec.cgroup);
    const growth = growthOf(watch, usageBytes, trigger, nowMs);
    const verdict = step(watch.state, reading, spec.bounds, spec.policy, blocked, nowMs, growth);
    this.#apply(watch, verdict, nowMs);
    if (verdict.state.phase === "blocked" && yieldsUntilMs > 0) this.#pollAt(watch, yieldsUntilMs);
    if (verdict.action === "kill") this.#kill(watch, reading, trigger, nowMs);
    if (verdict.action === "note") this.#note(watch, reading, trigger);
  }

  #apply(watch: Watch, verdict: Verdict, nowMs: number): void {
    watch.state = verdict.state;
    this.#pollAt(watch, verdict.pollMs < 0 ? Number.POSITIVE_INFINITY : nowMs + verdict.pollMs);
    if (verdict.listenToReclaim) listenToReclaim(this.#epoll, watch);
    // Full of cache it crosses nothing any more, but main may reclaim it once the cooldown is over.
    if (verdict.state.phase === "cache") this.#sayNear(watch, nowMs);
    if (verdict.state.phase === "calm") this.#settled(`no-victim ${watch.spec.cgroup}`);
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

  #unreadable(watch: Watch, errno: number): void {
    watch.gone = true;
    this.#pollAt(watch, Number.POSITIVE_INFINITY);
    // A removed cgroup notifies one last time; main learns of the removal by itself.
    if (errno === ENODEV) return;
    this.#trouble(
      `read ${watch.spec.cgroup}`,
      `cannot read the usage of ${watch.spec.cgroup}: ${errnoName(errno)}`,
    );
  }

  #kill(watch: Watch, reading: Reading, trigger: Trigger, wokeMs: number): void {
    const { spec } = watch;
    const units = this.#unitsOf(spec);
    const slot = this.#blackBox.claim();
    const moment = thisMoment();
    const struck = strike(units, {
      ...this.#order(spec),
      snapshot: this.#snapshotFor(watch, trigger, wokeMs),
      onIntent: (unit, pids) => {
        const prefix = this.#intentPrefixFor(watch, unit.cgroup);
        this.#blackBox.writeIntent(slot, intentText(prefix, moment, trigger, reading, pids));
      },
    });
    closeUnits(units, struck?.unit);
    if (struck === null) {
      this.#blackBox.discard(slot);
      this.#nobodyToKill(watch, wokeMs);
      return;
    }
    const { unit, victims, pids, atMs } = struck;
    const incident = draftIncident(
      {
        ...this.#factsOf(spec, unit.cgroup, reading),
        kind: "kill",
        trigger,
        victims,
        victimCount: pids.size,
        decideMicros: Math.round((atMs - wokeMs) * 1000),
      },
      moment,
    );
    this.#blackBox.write(slot, incident);
    this.#ongoing.begin(incident.id, spec.cgroup, struck, reading.usageBytes, atMs);
    this.#post({ type: "incident", incident, blackBoxSlot: slot });
  }

  /** Facts of the processes to tell of a kill; null: memory grows slowly enough to read them first. */
  #snapshotFor(watch: Watch, trigger: Trigger, nowMs: number): readonly ProcessFacts[] | null {
    const { snapshot } = watch;
    if (snapshot !== null && nowMs - snapshot.atMs < SNAPSHOT_MS) return snapshot.processes;
    return trigger === "pressure" || trigger === "oom" ? [] : null;
  }

  #intentPrefixFor(watch: Watch, victimCgroup: string): string {
    if (victimCgroup !== watch.spec.cgroup)
      return intentPrefix(this.#factsOf(watch.spec, victimCgroup, null));
    watch.intentPrefix ??= intentPrefix(this.#factsOf(watch.spec, victimCgroup, null));
    return watch.intentPrefix;
  }

  #unitsOf({ armed, cgroup, kind }: WatchSpec): Unit[] {
    return openUnits(armed.directoryFd, cgroup, kind, (name) => this.#kindOf(name));
  }

  #note(watch: Watch, reading: Reading, trigger: Trigger): void {
    const { spec } = watch;
    const units = this.#unitsOf(spec);
    const order = this.#order(spec);
    const [choice] = orderUnits(units, order.around);
    const processes =
      choice === undefined ? [] : factsOf(this.#start.procRoot, pidsBelow(choice.unit.directoryFd));
    const victims = describe(processes, order);
    closeUnits(units);
    this.#record({
      ...this.#factsOf(spec, choice?.unit.cgroup ?? spec.cgroup, reading),
      kind: "would-kill",
      trigger,
      victims: victims.slice(0, LISTED_VICTIMS),
      victimCount: victims.length,
    });
  }

  #nobodyToKill(watch: Watch, nowMs: number): void {
    this.#pollAt(watch, nowMs + NO_VICTIM_POLL_MS);
    const { cgroup } = watch.spec;
    this.#trouble(
      `no-victim ${cgroup}`,
      `${cgroup} is over its threshold, but holds no process the guard may kill: the kernel's OOM killer stays in charge of it`,
    );
  }

  #killNewcomers(ongoing: Ongoing): void {
    const { strike: struck, watched, seen } = ongoing;
    const watch = this.#watchOf(watched);
    if (watch !== undefined) killNewcomers(struck.unit, seen, struck.pids, this.#order(watch.spec));
  }

  #dead(ongoing: Ongoing, nowMs: number): void {
    this.#post({ type: "dead", id: ongoing.id, deadMillis: Math.round(nowMs - ongoing.struckMs) });
    this.#lookAgainAround(ongoing.watched, nowMs);
  }

  #stuck(ongoing: Ongoing, nowMs: number): void {
    const watch = this.#watchOf(ongoing.watched);
    if (watch === undefined) return;
    const { strike: struck } = ongoing;
    const alive = new Set(pidsBelow(struck.unit.directoryFd));
    const victims = struck.victims.filter((victim) => alive.has(victim.pid));
    this.#record({
      ...this.#factsOf(watch.spec, struck.unit.cgroup, null),
      kind: "stuck",
      trigger: "poll",
      victims,
      victimCount: victims.length,
    });
    this.#lookAgainAround(ongoing.watched, nowMs);
  }

  /** A kill that is over, one way or the other, lets the cgroups go on that it held up. */
  #lookAgainAround(cgroup: string, nowMs: number): void {
    for (const watch of this.#watches.values()) {
      const other = watch.spec.cgroup;
      if (watch.gone || !(isWithin(other, cgroup) || isWithin(cgroup, other))) continue;
      this.#evaluate(watch, "poll", nowMs);
    }
  }

  #kernelKilled(watch: Watch, cgroup: string, count: number | null): void {
    // Without a counter the notification is all there is; a kill of ours may have answered it.
    if (count === null && this.#ongoing.blocks(cgroup)) return;
    for (let i = 0; i < (count ?? 1); i++) {
      this.#record({
        ...this.#factsOf(watch.spec, cgroup, null),
        kind: "kernel-oom",
        trigger: "oom",
        victims: [],
        victimCount: 0,
      });
    }
  }

  #record(facts: Omit<IncidentFacts, "decideMicros">): void {
    const slot = this.#blackBox.claim();
    const incident = draftIncident({ ...facts, decideMicros: null });
    this.#blackBox.write(slot, incident);
    this.#post({ type: "incident", incident, blackBoxSlot: slot });
  }

  #factsOf(spec: WatchSpec, victimCgroup: string, reading: Reading | null) {
    return {
      policy: spec.policy,
      cgroup: spec.cgroup,
      identity: (this.#known.get(victimCgroup) ?? this.#known.get(spec.cgroup))?.identity,
      limitBytes: spec.limitBytes,
      thresholdBytes: spec.bounds.thresholdBytes,
      reading,
    };
  }

  #order(spec: WatchSpec): Omit<StrikeOrder, "onIntent" | "snapshot"> {
    return {
      policy: spec.policy === "process" ? "process" : "container",
      totalPages: () => this.#reader.oomTotalPages(spec.armed.directoryFd, spec.limitBytes),
      hierarchy: this.#start.cgroupVersion,
      around: this.#surroundings(spec),
      signal: this.#signal,
      onRefused: (pid, errno) =>
        this.#trouble(
          `kill ${spec.cgroup}`,
          `cannot kill process ${pid} of ${spec.cgroup}: ${errnoName(-errno)}`,
        ),
    };
  }

  #surroundings(spec: WatchSpec): Surroundings {
    return {
      procRoot: this.#start.procRoot,
      reader: this.#reader,
      kernel: this.#kernel,
      watched: spec.cgroup,
      isExempt: (cgroup) => this.#isExempt(spec, cgroup),
      isStuck: (pid) => this.#ongoing.isStuckProcess(pid),
    };
  }

  #isExempt(spec: WatchSpec, cgroup: string): boolean {
    const known = this.#known.get(cgroup);
    if (known?.identity.kind === "sandbox" || this.#ongoing.isStuckUnit(cgroup)) return true;
    // A rule may exempt one container of a pod; where the whole cgroup is noop, everything in it "would" be killed.
    return spec.policy !== "noop" && known?.policy === "noop";
  }

  #kindOf(cgroup: string) {
    return this.#known.get(cgroup)?.identity.kind;
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
          if (message.known === null) this.#forget(message.cgroup);
          else this.#learn(message.cgroup, message.known);
          break;
        case "stop":
          this.#stopped = true;
          break;
      }
    }
  }

  #add(spec: WatchSpec): void {
    const watch = attach(this.#epoll, spec);
    this.#watches.set(spec.slot, watch);
    this.#slots.set(spec.cgroup, spec.slot);
    this.#oom.learn(watch);
    // A threshold that is exceeded already does not fire when it is registered.
    const nowMs = performance.now();
    this.#evaluate(watch, "poll", nowMs);
    this.#near(watch, nowMs);
  }

  #addSignals(slot: number, signals: readonly Signal[]): void {
    const watch = this.#watches.get(slot);
    if (watch === undefined) {
      for (const { fd } of signals) close(fd);
      return;
    }
    listenTo(this.#epoll, watch, signals);
    const nowMs = performance.now();
    this.#evaluate(watch, "poll", nowMs);
    this.#near(watch, nowMs);
  }

  #release(slot: number): void {
    const watch = this.#watches.get(slot);
    if (watch !== undefined) {
      detach(this.#epoll, watch);
      this.#watches.delete(slot);
      this.#polled.delete(watch);
      this.#oom.drop(watch);
      this.#settled(`no-victim ${watch.spec.cgroup}`);
      if (this.#slots.get(watch.spec.cgroup) === slot) this.#slots.delete(watch.spec.cgroup);
    }
    this.#post({ type: "released", slot });
  }

  #learn(cgroup: string, known: Known): void {
    this.#known.set(cgroup, known);
    const watch = this.#watchOf(cgroup);
    if (watch !== undefined) watch.intentPrefix = null;
  }

  #watchOf(cgroup: string): Watch | undefined {
    const slot = this.#slots.get(cgroup);
    return slot === undefined ? undefined : this.#watches.get(slot);
  }

  /** A cgroup was removed: the next one of its name is another one. */
  #forget(cgroup: string): void {
    this.#known.delete(cgroup);
    this.#oom.forgetCounter(cgroup);
  }

  #trouble(key: string, message: string): void {
    if (this.#troubled.has(key)) return;
    this.#troubled.add(key);
    this.#post({ type: "trouble", key, message });
  }

  #settled(key: string): void {
    if (this.#troubled.delete(key)) this.#post({ type: "settled", key });
  }
}

/** How fast usage grows: since it came near the limit, if that was just now. */
function growthOf({ snapshot }: Watch, usageBytes: number, trigger: Trigger, nowMs: number): number {
  if (trigger === "pressure" || trigger === "oom") return Number.POSITIVE_INFINITY;
  if (snapshot === null || nowMs - snapshot.atMs > SNAPSHOT_MS) return 0;
  return (usageBytes - snapshot.usageBytes) / Math.max(nowMs - snapshot.atMs, 0.1);
}
