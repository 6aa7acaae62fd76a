import { readdirSync, readFileSync } from "node:fs";

/** What a process has used. */
export interface ProcessUsage {
  readonly rssBytes: number;
  /** Of it, what is no file's. */
  readonly anonBytes: number;
  /** By thread: CPU time and how often it went to sleep. Clock ticks of 10 ms would be too coarse. */
  readonly threads: ReadonlyMap<string, { readonly nanos: number; readonly switches: number }>;
}

/** @throws when it is gone */
export function usageOf(pid: number): ProcessUsage {
  const threads = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const directory = `/proc/${pid}/task/${thread}`;
    try {
      const nanos = Number(readFileSync(`${directory}/schedstat`, "utf8").split(" ")[0]);
      return [
        [thread, { nanos, switches: field(`${directory}/status`, "voluntary_ctxt_switches") }] as const,
      ];
    } catch {
      // A thread of the engine's pool that ended meanwhile.
      return [];
    }
  });
  return {
    rssBytes: field(`/proc/${pid}/status`, "VmRSS") * 1024,
    anonBytes: field(`/proc/${pid}/smaps_rollup`, "Anonymous") * 1024,
    threads: new Map(threads),
  };
}

/** What the threads that are there at the end did in between; those of the engine's pool that went had nothing to do. */
export function growth(before: ProcessUsage, after: ProcessUsage, of: "nanos" | "switches"): number {
  return [...after.threads].reduce(
    (sum, [id, now]) => sum + now[of] - (before.threads.get(id)?.[of] ?? 0),
    0,
  );
}

function field(file: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(file, "utf8"))?.[1]);
}

/** CPU time in seconds, with threads that are gone, in clock ticks. */
export interface CpuTime {
  readonly own: number;
  /** Of the children that it waited for. */
  readonly children: number;
}

const CLOCK_TICKS_PER_SECOND = 100;

/** @throws when it is gone */
export function cpuTimeOf(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // proc_pid_stat(5): utime, stime, cutime and cstime, 14th to 17th, counted after the name.
  const [user, system, childUser, childSystem] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map((ticks) => Number(ticks) / CLOCK_TICKS_PER_SECOND);
  return { own: user! + system!, children: childUser! + childSystem! };
}
