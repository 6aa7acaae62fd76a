import { Epoll } from "../../ffi/epoll.ts";
import { ENODEV, errnoName } from "../../ffi/errno.ts";
import { factsOf, orderUnits, type Surroundings } from "../act/choose.ts";
import { isWithin } from "../act/kill-process.ts";
import { describe, killNewcomers, LISTED_VICTIMS, type StrikeOrder, strike } from "../act/strike.ts";
import { closeUnits, openUnits, type Unit } from "../act/units.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { type KernelGeneration, kernelGeneration } from "../decide/kernel-generation.ts";
import type { Reading } from "../decide/reading.ts";
import { belowThreshold, step, usageSuffices, type Verdict } from "../decide/step.ts";
import { BlackBoxWriter } from "../record/black-box.ts";
import { draftIncident, type IncidentFacts } from "../record/draft.ts";
import type { Trigger, Victim } from "../record/incident.ts";
import { type Ongoing, OngoingStrikes } from "./ongoing.ts";
import { OomWatch } from "./oom-watch.ts";
import type { FromSentinel, Known, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import { attach, CONTROL_TAG, detach, listenToReclaim, readTag, type Watch } from "./watch.ts";

const WAIT_CAPACITY = 64;
// Over the threshold with nobody to kill: look again now and then, somebody may have moved in.
const NO_VICTIM_POLL_MS = 1000;
// Main is told of a near limit at most this often per cgroup; it reclaims far more seldom still.
const NEAR_AGAIN_MS = 5000;

// A leak of 1.7 GB/s gets past two CPUs' pre-charges in this time; sleeping a millisecond instead would give 24 GB/s
// the whole margin. What is slower can wait for the poll.
const SLACK_SPIN_MS = 0.3;

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

  /** @param receive the next message of main, undefined when there is none */
  constructor(
    start: Start,
    reader: MemoryReader,
    post: (message: FromSentinel) => void,
    receive: () => ToSentinel | undefined,
  ) {
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
        // A lone container dies as a whole whomever the kernel picks in it; elsewhere the picks may differ.
        const sameVictim = watch.spec.kind === "container" && watch.spec.policy === "container";
        this.#oom.notified(watch, !sameVictim, nowMs);
        this.#evaluate(watch, "oom", nowMs);
      }
    }
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
      return;
    }
    let reading = this.#reader.reading(spec.armed, usageBytes);
    const yieldsUntilMs = this.#oom.yieldsUntilMs(spec.cgroup, nowMs);
    const blocked = yieldsUntilMs > 0 || this.#ongoing.blocks(spec.cgroup);
    let verdict: Verdict | null = null;
    while (reading !== null) {
      verdict = step(watch.state, reading, spec.bounds, spec.policy, blocked, nowMs);
      if (verdict.state.phase !== "slack" || performance.now() - nowMs > SLACK_SPIN_MS) break;
      reading = this.#reader.reading(spec.armed, this.#reader.usage(spec.armed));
    }
    if (reading === null || verdict === null) {
      this.#unreadable(watch, ENODEV);
      return;
    }
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
    const units = openUnits(spec.armed.directoryFd, spec.cgroup, spec.kind, (name) => this.#kindOf(name));
    const slot = this.#blackBox.claim();
    const incidentOf = (unit: Unit, victims: readonly Victim[], count: number, decideMicros: number | null) =>
      draftIncident({
        ...this.#factsOf(spec, unit.cgroup, reading),
        kind: "kill",
        trigger,
        victims,
        victimCount: count,
        decideMicros,
      });
    const struck = strike(units, {
      ...this.#order(spec),
      onIntent: (unit, victims) =>
        this.#blackBox.write(slot, "intent", incidentOf(unit, victims, victims.length, null)),
    });
    closeUnits(units, struck?.unit);
    if (struck === null) {
      this.#blackBox.discard(slot);
      this.#nobodyToKill(watch, wokeMs);
      return;
    }
    const nowMs = performance.now();
    const micros = Math.round((nowMs - wokeMs) * 1000);
    const incident = incidentOf(struck.unit, struck.victims, struck.pids.size, micros);
    this.#blackBox.write(slot, "done", incident);
    this.#ongoing.begin(incident.id, spec.cgroup, struck, reading.usageBytes, nowMs);
    this.#post({ type: "incident", incident, blackBoxSlot: slot });
  }

  #note(watch: Watch, reading: Reading, trigger: Trigger): void {
    const { spec } = watch;
    const units = openUnits(spec.armed.directoryFd, spec.cgroup, spec.kind, (name) => this.#kindOf(name));
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
    const slot = this.#slots.get(watched);
    const watch = slot === undefined ? undefined : this.#watches.get(slot);
    if (watch !== undefined) killNewcomers(struck.unit, seen, struck.pids, this.#order(watch.spec));
  }

  #dead(ongoing: Ongoing, nowMs: number): void {
    this.#post({ type: "dead", id: ongoing.id, deadMillis: Math.round(nowMs - ongoing.struckMs) });
    this.#lookAgainAround(ongoing.watched, nowMs);
  }

  #stuck(ongoing: Ongoing, nowMs: number): void {
    const slot = this.#slots.get(ongoing.watched);
    const watch = slot === undefined ? undefined : this.#watches.get(slot);
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
    this.#blackBox.write(slot, "done", incident);
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

  #order(spec: WatchSpec): Omit<StrikeOrder, "onIntent"> {
    return {
      policy: spec.policy === "process" ? "process" : "container",
      totalPages: this.#reader.oomTotalPages(spec.armed.directoryFd, spec.limitBytes),
      hierarchy: this.#start.cgroupVersion,
      around: this.#surroundings(spec),
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
    const slot = this.#slots.get(cgroup);
    const watch = slot === undefined ? undefined : this.#watches.get(slot);
    return watch === undefined ? -ENODEV : this.#reader.usage(watch.spec.armed);
  }

  #obey(): void {
    for (let message = this.#receive(); message !== undefined; message = this.#receive()) {
      switch (message.type) {
        case "watch":
          this.#add(message.spec);
          break;
        case "release":
          this.#release(message.slot);
          break;
        case "know":
          if (message.known === null) this.#forget(message.cgroup);
          else this.#known.set(message.cgroup, message.known);
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
