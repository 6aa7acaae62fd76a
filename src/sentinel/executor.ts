import { errnoName } from "../../ffi/errno.ts";
import type { sigkill } from "../../ffi/process.ts";
import { factsOf, orderUnits, type Surroundings } from "../act/choose.ts";
import {
  describe,
  killNewcomers,
  LISTED_VICTIMS,
  rehearse,
  type StrikeOrder,
  strike,
} from "../act/strike.ts";
import { closeUnits, openUnits, type Unit } from "../act/units.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { type KernelGeneration, kernelGeneration } from "../decide/kernel-generation.ts";
import type { Reading } from "../decide/reading.ts";
import { BlackBoxWriter } from "../record/black-box.ts";
import { draftIncident, type IncidentFacts, intentPrefix, intentText, thisMoment } from "../record/draft.ts";
import type { Trigger } from "../record/incident.ts";
import { TurnoverMap } from "../turnover-map.ts";
import { type Ongoing, OngoingStrikes } from "./ongoing.ts";
import type { KernelKills } from "./oom-ledger.ts";
import type { FromSentinel, Known, Start, WatchSpec } from "./protocol.ts";
import type { Troubles } from "./troubles.ts";
import { freshSnapshot, type Watch } from "./watch.ts";

/**
 * Carries a verdict out: chooses, writes the intent down, kills, and tells main. What the sentinel decides, and when,
 * is `sentinel.ts`.
 */
export class Executor {
  readonly ongoing: OngoingStrikes;
  readonly #start: Start;
  readonly #reader: MemoryReader;
  readonly #kernel: KernelGeneration;
  readonly #blackBox: BlackBoxWriter;
  readonly #post: (message: FromSentinel) => void;
  readonly #troubles: Troubles;
  readonly #signal: typeof sigkill;
  readonly #known = new TurnoverMap<string, Known>();

  /** @param signal how a process is killed: `sigkill`, but for a rehearsal */
  constructor(
    start: Start,
    reader: MemoryReader,
    post: (message: FromSentinel) => void,
    troubles: Troubles,
    signal: typeof sigkill,
  ) {
    this.#start = start;
    this.ongoing = new OngoingStrikes(start.procRoot, start.cgroupVersion);
    this.#reader = reader;
    this.#kernel = kernelGeneration(start.kernelRelease);
    this.#blackBox = new BlackBoxWriter(start.blackBoxFd, start.blackBoxFirst);
    this.#post = post;
    this.#troubles = troubles;
    this.#signal = signal;
  }

  /** What a cgroup is; null: it was removed. */
  know(cgroup: string, known: Known | null): void {
    if (known === null) this.#known.delete(cgroup);
    else this.#known.set(cgroup, known);
  }

  /** Kills by the watch's policy. @param wokeMs when the notification arrived @returns false when there is nobody it may kill */
  kill(watch: Watch, reading: Reading, trigger: Trigger, wokeMs: number): boolean {
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
      return false;
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
    this.ongoing.begin(incident.id, spec, struck, reading.usageBytes, atMs);
    this.#post({ type: "incident", incident, blackBoxSlot: slot, pids: [...pids] });
    return true;
  }

  /** Goes through a kill that is likely to come, without a SIGKILL. */
  rehearse(watch: Watch, reading: Reading): void {
    const { spec } = watch;
    const units = this.#unitsOf(spec);
    const moment = { id: "", timeMs: Date.now() };
    rehearse(units, {
      ...this.#order(spec),
      snapshot: null,
      onIntent: (unit, pids) => {
        const prefix = this.#intentPrefixFor(watch, unit.cgroup);
        this.#blackBox.rehearseIntent(intentText(prefix, moment, "poll", reading, pids));
      },
    });
    closeUnits(units);
  }

  /** Tells what would have been killed. */
  note(watch: Watch, reading: Reading, trigger: Trigger): void {
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

  /** SIGKILLs what joined a container while it dies. */
  killNewcomers({ strike: { unit, roll }, spec }: Ongoing): void {
    if (roll !== null) killNewcomers(unit, roll, this.#order(spec));
  }

  /** Tells that victims do not die. */
  tellStuck({ strike: struck, spec }: Ongoing): void {
    const alive = new Set(pidsBelow(struck.unit.directoryFd));
    const victims = struck.victims.filter((victim) => alive.has(victim.pid));
    this.#record({
      ...this.#factsOf(spec, struck.unit.cgroup, null),
      kind: "stuck",
      trigger: "poll",
      victims,
      victimCount: victims.length,
    });
  }

  /** Whomever the kernel picks in a lone container, it is among those the guard would kill; elsewhere the picks may differ. */
  diesAsAWhole(spec: WatchSpec): boolean {
    if (spec.policy !== "container") return false;
    const units = this.#unitsOf(spec);
    closeUnits(units);
    return units[0]?.cgroup === spec.cgroup;
  }

  /** Tells of the kernel's own kills. @param kills null where this kernel does not count them */
  tellKernelKills({ spec }: Watch, kills: KernelKills | null): void {
    const { cgroup, count, asOne } = kills ?? { cgroup: spec.cgroup, count: 1, asOne: false };
    // Without a counter the notification is all there is; a kill of ours may have answered it.
    if (kills === null && this.ongoing.blocks(cgroup)) return;
    const incidents = asOne ? 1 : count;
    for (let i = 0; i < incidents; i++) {
      const left = this.#leave({
        ...this.#factsOf(spec, cgroup, null),
        cgroup,
        kind: "kernel-oom",
        trigger: "oom",
        victims: [],
        victimCount: asOne ? count : 0,
      });
      this.#post({ type: "kernel-kill", ...left, isCount: kills !== null });
    }
  }

  /** Facts of the processes to tell of a kill; null: memory grows slowly enough to read them first. */
  #snapshotFor(watch: Watch, trigger: Trigger, nowMs: number): readonly ProcessFacts[] | null {
    const snapshot = freshSnapshot(watch, nowMs);
    if (snapshot !== null) return snapshot.processes;
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

  #record(facts: Omit<IncidentFacts, "decideMicros">): void {
    this.#post({ type: "incident", ...this.#leave(facts), pids: [] });
  }

  #leave(facts: Omit<IncidentFacts, "decideMicros">) {
    const blackBoxSlot = this.#blackBox.claim();
    const incident = draftIncident({ ...facts, decideMicros: null });
    this.#blackBox.write(blackBoxSlot, incident);
    return { incident, blackBoxSlot };
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
        this.#troubles.tell(
          "process-not-killed",
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
      isStuck: (pid) => this.ongoing.isStuckProcess(pid),
    };
  }

  #isExempt(spec: WatchSpec, cgroup: string): boolean {
    const known = this.#known.get(cgroup);
    if (known?.identity.kind === "sandbox" || this.ongoing.isStuckUnit(cgroup)) return true;
    // A rule may exempt one container of a pod; where the whole cgroup is noop, everything in it "would" be killed.
    return spec.policy !== "noop" && known?.policy === "noop";
  }

  #kindOf(cgroup: string) {
    return this.#known.get(cgroup)?.identity.kind;
  }
}
