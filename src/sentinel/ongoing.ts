import { close } from "../../ffi/file.ts";
import type { Strike } from "../act/strike.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { type Dying, dyingStep, freshDying } from "../decide/dying.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import { OpenProcess } from "../proc/process.ts";
import type { WatchSpec } from "./protocol.ts";

/** A strike whose victims are not all dead yet. */
export interface Ongoing {
  readonly id: string;
  /** The watch that was over its threshold. It may be released by now: its descriptors are not ours. */
  readonly spec: WatchSpec;
  readonly strike: Strike;
  readonly struckMs: number;
  /** Victims that were seen dead. They stay dead, and looking at one that nobody reaps costs 20 us. */
  readonly dead: Set<number>;
  dying: Dying;
}

/** Kills under way: who is still dying, what they block, and who would not die. */
export class OngoingStrikes {
  readonly #strikes = new Set<Ongoing>();
  readonly #procRoot: string;
  readonly #hierarchy: 1 | 2;

  /** @param procRoot usually "/proc" */
  constructor(procRoot: string, hierarchy: 1 | 2) {
    this.#procRoot = procRoot;
    this.#hierarchy = hierarchy;
  }

  get count(): number {
    return this.#strikes.size;
  }

  begin(id: string, spec: WatchSpec, strike: Strike, usageBytes: number, nowMs: number): void {
    this.#strikes.add({
      id,
      spec,
      strike,
      struckMs: nowMs,
      dead: new Set(),
      dying: freshDying(usageBytes, strike.pids.size, nowMs),
    });
  }

  /** Whether victims are dying in this cgroup, below it or above it. Those that got stuck block nothing any more. */
  blocks(cgroup: string): boolean {
    for (const { spec, dying } of this.#strikes) {
      if (!dying.stuck && (isWithin(cgroup, spec.cgroup) || isWithin(spec.cgroup, cgroup))) return true;
    }
    return false;
  }

  isStuckUnit(cgroup: string): boolean {
    for (const { strike, dying } of this.#strikes) {
      if (dying.stuck && strike.roll !== null && strike.unit.cgroup === cgroup) return true;
    }
    return false;
  }

  isStuckProcess(pid: number): boolean {
    for (const { strike, dying } of this.#strikes) if (dying.stuck && strike.pids.has(pid)) return true;
    return false;
  }

  /** When the next look is due; Infinity without a strike. */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dying } of this.#strikes) next = Math.min(next, dying.nextMs);
    return next;
  }

  /**
   * Looks at the strikes that are due.
   * @param usageOf usage of a watched cgroup in bytes, negative when it is gone
   * @param onNewcomer what to do with processes that joined a container while it dies
   */
  check(
    nowMs: number,
    usageOf: (cgroup: string) => number,
    onNewcomers: (ongoing: Ongoing) => void,
    onEnd: (ongoing: Ongoing, outcome: "dead" | "stuck") => void,
  ): void {
    for (const ongoing of this.#strikes) {
      if (ongoing.dying.nextMs > nowMs) continue;
      if (ongoing.strike.roll !== null && !ongoing.dying.stuck) onNewcomers(ongoing);
      const alive = this.#countAlive(ongoing);
      if (alive === 0) {
        this.#strikes.delete(ongoing);
        close(ongoing.strike.unit.directoryFd);
        onEnd(ongoing, "dead");
        continue;
      }
      const wasStuck = ongoing.dying.stuck;
      ongoing.dying = dyingStep(ongoing.dying, usageOf(ongoing.spec.cgroup), alive, nowMs);
      if (ongoing.dying.stuck && !wasStuck) onEnd(ongoing, "stuck");
    }
  }

  #countAlive({ strike: { unit, pids }, dead }: Ongoing): number {
    const listed = new Set(pidsBelow(unit.directoryFd));
    for (const pid of pids) {
      if (!dead.has(pid) && !listed.has(pid) && !this.#isExiting(pid, unit.cgroup)) dead.add(pid);
    }
    return pids.size - dead.size;
  }

  /** What is listed no more may still hold its memory; a new process of that pid is somewhere else. */
  #isExiting(pid: number, cgroup: string): boolean {
    const process = OpenProcess.open(this.#procRoot, pid);
    if (process === null) return false;
    const path = process.cgroupPath(this.#hierarchy);
    const isExiting = path !== null && isWithin(path, cgroup) && process.isExiting();
    process.close();
    return isExiting;
  }

  /** Gives every descriptor back. */
  dropAll(): void {
    for (const { strike } of this.#strikes) close(strike.unit.directoryFd);
    this.#strikes.clear();
  }
}
