/** A process that the kernel's OOM killer killed, as its log tells. Facts an old kernel does not print are null. */
export interface KernelKill {
  /** The record's number in the kernel's log: unique until the next boot. */
  readonly seq: number;
  /** When, in microseconds since the boot, by the log's clock. */
  readonly bootMicros: number;
  /** A limit on a cgroup was reached, or the node (or some of its NUMA nodes) ran out. */
  readonly shortage: "cgroup" | "node";
  /** The cgroup whose limit was reached, relative to the hierarchy's root; null for the node, or not told. */
  readonly limitCgroup: string | null;
  /**
   * The victim's cgroup, likewise; null where it is not told: before 5.0 for the node's shortages, for those that die with
   * their cgroup (they are within `wholeCgroup`), and for all but ten kills in 5 s, of which the kernel says no more.
   */
  readonly victimCgroup: string | null;
  readonly victim: {
    readonly pid: number;
    readonly comm: string;
    /** Anonymous, file and shared memory together. */
    readonly rssBytes: number | null;
    readonly oomScoreAdj: number | null;
  };
  /** Of the cgroup whose limit was reached; the limit is null where that of memory and swap together was. */
  readonly usageBytes: number | null;
  readonly limitBytes: number | null;
  /** The cgroup that died as one with it (memory.oom.group); null: it died alone. */
  readonly wholeCgroup: string | null;
}
