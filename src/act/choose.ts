import { totalmem } from "node:os";
import { pageBytes } from "../../ffi/sysinfo.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { footprintBytes, type ProcessFacts } from "../decide/badness.ts";
import { type Candidate, orderContainers } from "../decide/choose-container.ts";
import type { KernelGeneration } from "../decide/kernel-generation.ts";
import { type Ranked, rank, tiedForFirst } from "../decide/rank.ts";
import { OpenProcess } from "../proc/process.ts";
import type { Unit } from "./units.ts";

/** What choosing needs to know of its surroundings. */
export interface Surroundings {
  readonly procRoot: string;
  readonly reader: MemoryReader;
  readonly kernel: KernelGeneration;
  /** The cgroup that is over its threshold. */
  readonly watched: string;
  /** Containers no rule lets the guard kill, sandboxes, and those that would not die before. */
  readonly isExempt: (cgroup: string) => boolean;
  /** A process that was killed and would not die. */
  readonly isStuck: (pid: number) => boolean;
}

/** Facts of every process of a list that still lives. */
export function factsOf(procRoot: string, pids: readonly number[]): ProcessFacts[] {
  const facts: ProcessFacts[] = [];
  for (const pid of pids) {
    const open = OpenProcess.open(procRoot, pid);
    if (open === null) continue;
    const found = open.facts();
    open.close();
    if (found !== null) facts.push(found);
  }
  return facts;
}

// Without labels a sandbox shows by what it is: one process named pause that holds next to nothing (0.3 MB).
const PAUSE_BYTES = 4 * 1024 * 1024;

/** Whether all the processes of a cgroup are what a sandbox holds. */
export function isPause(processes: readonly ProcessFacts[]): boolean {
  const [only, ...others] = processes;
  return only?.comm === "pause" && others.length === 0 && footprintBytes(only) < PAUSE_BYTES;
}

/** A unit that may be killed, with its processes. */
export interface Choice {
  readonly unit: Unit;
  /** null: not read. */
  readonly processes: readonly ProcessFacts[] | null;
}

/**
 * Containers in the order in which they should die. Left out: sandboxes, exempt ones, those without a process.
 * A container that is over its own threshold needs no choice: its processes are not even read.
 */
export function orderUnits(units: readonly Unit[], around: Surroundings): Choice[] {
  const open = units.filter((unit) => !around.isExempt(unit.cgroup));
  const [first] = open;
  if (first?.cgroup === around.watched) return [{ unit: first, processes: null }];
  const choices = new Map<string, Choice>();
  const candidates: Candidate[] = [];
  for (const unit of open) {
    const processes = factsOf(around.procRoot, pidsBelow(unit.directoryFd));
    const killable = processes.filter((process) => process.oomScoreAdj !== -1000);
    if (killable.length === 0 || isPause(processes)) continue;
    const largest = killable.reduce((a, b) => (footprintBytes(b) > footprintBytes(a) ? b : a));
    choices.set(unit.cgroup, { unit, processes });
    candidates.push({
      cgroup: unit.cgroup,
      fixedBytes: around.reader.fixedBytes(unit.directoryFd),
      oomScoreAdj: largest.oomScoreAdj,
    });
  }
  return orderContainers(candidates, totalmem()).map((candidate) => choices.get(candidate.cgroup)!);
}

/** A process that may be killed, and the unit it lives in. */
export interface RankedProcess extends Ranked {
  readonly unit: Unit;
}

/**
 * Processes in the order in which the kernel would want them dead, those of sandboxes and exempt containers left out;
 * of equals the younger one first.
 */
export function orderProcesses(
  units: readonly Unit[],
  totalPages: number,
  around: Surroundings,
): RankedProcess[] {
  const unitOf = new Map<number, Unit>();
  const processes: ProcessFacts[] = [];
  for (const unit of units) {
    if (around.isExempt(unit.cgroup)) continue;
    const facts = factsOf(around.procRoot, pidsBelow(unit.directoryFd));
    if (unit.cgroup !== around.watched && isPause(facts)) continue;
    for (const process of facts) {
      if (around.isStuck(process.pid)) continue;
      unitOf.set(process.pid, unit);
      processes.push(process);
    }
  }
  const ranked = rank(processes, totalPages, pageBytes, around.kernel);
  const tied = tiedForFirst(ranked);
  const ordered =
    tied.length > 1 ? [...youngestFirst(tied, around.procRoot), ...ranked.slice(tied.length)] : ranked;
  return ordered.map((entry) => ({ ...entry, unit: unitOf.get(entry.process.pid)! }));
}

function youngestFirst(tied: readonly Ranked[], procRoot: string): Ranked[] {
  const started = new Map<number, number>();
  for (const { process } of tied) {
    const open = OpenProcess.open(procRoot, process.pid);
    started.set(process.pid, open?.startTicks() ?? 0);
    open?.close();
  }
  const age = (entry: Ranked) => started.get(entry.process.pid) ?? 0;
  return [...tied].sort((a, b) => age(b) - age(a) || b.process.pid - a.process.pid);
}
