/** A process that the kernel has killed: mm/oom_kill.c, __oom_kill_process(). */
export interface KilledLine {
  readonly kind: "killed";
  /** Null: the line does not tell. Up to 5.1 the one before it did ("chosen"). */
  readonly shortage: "cgroup" | "node" | null;
  /** Where the leader of its threads is dead already, that of a thread. */
  readonly pid: number;
  readonly comm: string;
  readonly rssBytes: number;
  /** From 5.4 on. */
  readonly oomScoreAdj: number | null;
}

// The name comes after the pid, and what follows it is longer than a name can be: none can pretend to be another process.
// UID was between commas before the sizes in CentOS 7, and is one of the words and numbers at the end from 5.4 on.
const KILLED = new RegExp(
  [
    /^(?:(Memory cgroup out|Out) of memory(?: \([a-z_]+\))?: )?Killed process (\d+) \((.*)\)(?:, UID \d+,)?/,
    / total-vm:\d+kB, anon-rss:(\d+)kB, file-rss:(\d+)kB(?:, shmem-rss:(\d+)kB)?((?:,? [\w-]+[: ]-?\d+(?:kB)?)*)$/,
  ]
    .map(({ source }) => source)
    .join(""),
  "s",
);
const ADJ = / oom_score_adj:(-?\d+)/;

/** @returns null for any other line */
export function parseKilled(message: string): KilledLine | null {
  const match = KILLED.exec(message);
  if (match === null) return null;
  const [, out, pid, comm, anonKb, fileKb, shmemKb = "0", rest] = match;
  const adj = ADJ.exec(rest!)?.[1];
  return {
    kind: "killed",
    shortage: out === undefined ? null : out === "Out" ? "node" : "cgroup",
    pid: Number(pid),
    comm: comm!,
    rssBytes: (Number(anonKb) + Number(fileKb) + Number(shmemKb)) * 1024,
    oomScoreAdj: adj === undefined ? null : Number(adj),
  };
}
