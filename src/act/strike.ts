import type { sigkill } from "../../ffi/process.ts";
import { pageBytes } from "../../ffi/sysinfo.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import type { Policy } from "../config/config.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import type { KernelGeneration } from "../decide/kernel-generation.ts";
import { rank } from "../decide/rank.ts";
import { OpenProcess } from "../proc/process.ts";
import type { Victim } from "../record/incident.ts";
import { factsOf, orderProcesses, orderUnits, type Surroundings } from "./choose.ts";
import { killProcess } from "./kill-process.ts";
import type { Unit } from "./units.ts";

/** What a kill did. `unit` stays open as long as the victims are watched; whoever gets the strike closes it. */
export interface Strike {
  readonly unit: Unit;
  /** The whole container was meant, so what joins it while it dies is killed too; null: one process was meant. */
  readonly roll: Roll | null;
  /** Who was signalled. */
  readonly pids: ReadonlySet<number>;
  readonly victims: readonly Victim[];
  /** When the last SIGKILL was on its way (performance.now()). */
  readonly atMs: number;
}

/** Who was found in a container that is being killed; grows as long as it dies. */
export interface Roll {
  readonly seen: Set<number>;
  readonly killed: Set<number>;
  /** One of them may not be killed. */
  isSpared: boolean;
}

/** Everything a strike needs beside the candidates. */
export interface StrikeOrder {
  readonly policy: Exclude<Policy, "noop">;
  /** The limit in pages; asked only when it is needed. */
  readonly totalPages: () => number;
  readonly hierarchy: 1 | 2;
  readonly around: Surroundings;
  /** How a process is killed: `sigkill`, but for a rehearsal. */
  readonly signal: typeof sigkill;
  /** What was read of the processes a moment ago; null: there is time to read them now. */
  readonly snapshot: readonly ProcessFacts[] | null;
  /** Called just before the first SIGKILL. */
  readonly onIntent: (unit: Unit, pids: readonly number[]) => void;
  /** Called with -errno when a process could not be killed. */
  readonly onRefused: (pid: number, errno: number) => void;
}

// Reading one process costs about 40 us. What does not fit is killed unread: 200 processes would take 8 ms.
const READ_BUDGET_MS = 0.3;
// A fork that was under way when its parent was killed shows up in the next list; this many rounds never ran out.
const MAX_ROUNDS = 16;

/** Kills by the policy among these units. @returns null when there is nobody it may kill. */
export function strike(units: readonly Unit[], order: StrikeOrder): Strike | null {
  return order.policy === "container" ? strikeContainer(units, order) : strikeProcess(units, order);
}

function strikeContainer(units: readonly Unit[], order: StrikeOrder): Strike | null {
  for (const { unit, processes } of orderUnits(units, order.around)) {
    const pids = pidsBelow(unit.directoryFd);
    const known = processes ?? order.snapshot ?? readWithinBudget(order.around.procRoot, pids);
    order.onIntent(unit, pids);
    const roll: Roll = { seen: new Set(), killed: new Set(), isSpared: false };
    killUnseen(unit, pids, roll, order);
    const struckMs = performance.now();
    const atMs = killNewcomers(unit, roll, order) ?? struckMs;
    const { killed } = roll;
    if (killed.size === 0) continue;
    const victims = listVictims(describe(known, order), killed, order.around.procRoot);
    // A pid that was gone, or refused, is tried again at the next look: it may be another process's by then.
    return { unit, roll: { ...roll, seen: new Set(killed) }, pids: killed, victims, atMs };
  }
  return null;
}

function strikeProcess(units: readonly Unit[], order: StrikeOrder): Strike | null {
  for (const { process, unit, badness } of orderProcesses(units, order.totalPages(), order.around)) {
    order.onIntent(unit, [process.pid]);
    const { procRoot } = order.around;
    const outcome = killProcess(procRoot, process.pid, unit.cgroup, order.hierarchy, order.signal);
    if (typeof outcome === "number") order.onRefused(process.pid, outcome);
    if (outcome !== "killed") continue;
    const pids = new Set([process.pid]);
    return { unit, roll: null, pids, victims: [victimOf(process, badness)], atMs: performance.now() };
  }
  return null;
}

const blank: typeof sigkill = () => 0;
// Other cgroups wait for the end of it.
const REHEARSED_PROCESSES = 4;

/** Goes through what `strike` does, with a few of the processes and without a SIGKILL: it is warm when it counts. */
export function rehearse(units: readonly Unit[], { policy, around, hierarchy, onIntent }: StrikeOrder): void {
  const [unit] = units;
  if (unit === undefined) return;
  const pids = pidsBelow(unit.directoryFd);
  const few = pids.slice(0, REHEARSED_PROCESSES);
  if (policy === "process" || unit.cgroup !== around.watched) factsOf(around.procRoot, few);
  onIntent(unit, pids);
  for (const pid of few) killProcess(around.procRoot, pid, unit.cgroup, hierarchy, blank);
}

type KillOrder = Pick<StrikeOrder, "around" | "hierarchy" | "signal" | "onRefused">;

/**
 * SIGKILLs whoever is in the unit and not on the roll, until a fresh list shows nobody new. Where somebody forks faster
 * than lists can be read, all are killed at one stroke, if this kernel can and all of them may be.
 * @returns when the last one was sent (performance.now()); null: there was nobody new
 */
export function killNewcomers(unit: Unit, roll: Roll, order: KillOrder): number | null {
  let atMs: number | null = null;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (killUnseen(unit, pidsBelow(unit.directoryFd), roll, order) === 0) break;
    if (!roll.isSpared) order.around.reader.killAll?.(unit.directoryFd);
    atMs = performance.now();
  }
  return atMs;
}

/** @returns how many were not seen before */
function killUnseen(unit: Unit, pids: readonly number[], roll: Roll, order: KillOrder): number {
  let found = 0;
  for (const pid of pids) {
    if (roll.seen.has(pid)) continue;
    roll.seen.add(pid);
    found++;
    const outcome = killProcess(order.around.procRoot, pid, unit.cgroup, order.hierarchy, order.signal);
    if (outcome === "killed") roll.killed.add(pid);
    else if (outcome === "spared") roll.isSpared = true;
    else if (typeof outcome === "number") order.onRefused(pid, outcome);
  }
  return found;
}

/** Facts of as many of these processes as can be read in 0.3 ms. */
export function readWithinBudget(procRoot: string, pids: readonly number[]): ProcessFacts[] {
  const facts: ProcessFacts[] = [];
  const until = performance.now() + READ_BUDGET_MS;
  for (const pid of pids) {
    facts.push(...factsOf(procRoot, [pid]));
    if (performance.now() > until) break;
  }
  return facts;
}

/** The processes as an incident lists them, worst first. */
export function describe(
  processes: readonly ProcessFacts[],
  order: { readonly totalPages: () => number; readonly around: { readonly kernel: KernelGeneration } },
): Victim[] {
  return rank(processes, order.totalPages(), pageBytes, order.around.kernel).map((entry) =>
    victimOf(entry.process, entry.badness),
  );
}

function victimOf(process: ProcessFacts, points: number): Victim {
  return {
    pid: process.pid,
    comm: process.comm,
    rssBytes: process.rssBytes,
    oomScoreAdj: process.oomScoreAdj,
    badness: points,
  };
}

// More would only make the record of a fork bomb unreadable; `victimCount` tells them all.
export const LISTED_VICTIMS = 32;

/** The killed as an incident lists them: as they were read before, or by the name that outlives the kill for a moment. */
function listVictims(known: readonly Victim[], killed: ReadonlySet<number>, procRoot: string): Victim[] {
  const victims = known.filter((victim) => killed.has(victim.pid)).slice(0, LISTED_VICTIMS);
  const listed = new Set(victims.map((victim) => victim.pid));
  for (const pid of killed) {
    if (victims.length >= LISTED_VICTIMS) break;
    if (listed.has(pid)) continue;
    const open = OpenProcess.open(procRoot, pid);
    const comm = open?.comm() ?? null;
    open?.close();
    victims.push({ pid, comm, rssBytes: null, oomScoreAdj: null, badness: null });
  }
  return victims;
}
