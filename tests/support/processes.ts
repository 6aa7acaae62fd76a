import { readdirSync, readFileSync } from "node:fs";

// proc_pid_stat(5): the 41st field, the fields counted from the state, the 3rd.
const POLICY_FIELD = 38;
const SCHED_FIFO = "1";

/** Pids of the processes whose command line the predicate accepts. */
export function findProcesses(accept: (argv: readonly string[]) => boolean): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => accept(argvOf(pid)));
}

/** Pids of the processes started by this one. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

/** Whether it still runs: a zombie that nobody reaps does not. */
export function alive(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The state letter of each of a process's threads. */
export function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => statOf(`${pid}/task/${thread}`)?.[0] ?? []);
}

/** The thread of a guard that kills: the one it runs at real-time priority itself; the engine's helpers inherit that. */
export function sentinelThread(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  const found = threads.find((thread) => {
    const comm = readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
    return comm === "Worker" && statOf(`${pid}/task/${thread}`)?.[POLICY_FIELD] === SCHED_FIFO;
  });
  if (found === undefined) throw new Error(`process ${pid} has no thread at real-time priority`);
  return found;
}

/** Sends a signal; a process that is gone is none. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** A process's command line; empty when it is gone. */
export function argvOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function parentOf(pid: number): number | null {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? null : Number(parent);
}

/** The fields of a `stat` file after the name: state, parent, ... */
function statOf(pid: number | string): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in brackets, may hold anything, brackets included.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
