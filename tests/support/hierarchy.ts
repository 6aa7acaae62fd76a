import { existsSync } from "node:fs";

/** What the tests have to know of a version of the memory controller. Beyond this they are the same for both. */
export interface TestHierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly limitFile: string;
  /** What stands in it for none. */
  readonly unlimited: string;
  readonly usageFile: string;
  readonly peakFile: string;
  /**
   * Has a line `oom_kill`: how many processes of this very cgroup, not of its children, the kernel's OOM killer has shot.
   * Both versions print the same counter of the kernel (memory_events_local).
   */
  readonly oomKillsFile: string;
  /** Fields of memory.stat that cover the children. */
  readonly anonFields: readonly string[];
  readonly fileCacheFields: readonly string[];
  /** What a guard writes and must take back: the file, and how it is when nobody has. */
  readonly untouched: { readonly file: string; readonly holds: string };
  /** How many descriptors a guard holds for each cgroup it has armed. */
  readonly descriptorsOfAWatch: number;
  /** How many of a series of races against the kernel. On v2 the kernel itself holds the leak back. */
  readonly racesItMayLose: number;
}

const v1: TestHierarchy = {
  version: 1,
  mount: "/sys/fs/cgroup/memory",
  limitFile: "memory.limit_in_bytes",
  unlimited: "-1",
  usageFile: "memory.usage_in_bytes",
  peakFile: "memory.max_usage_in_bytes",
  oomKillsFile: "memory.oom_control",
  anonFields: ["total_rss"],
  fileCacheFields: ["total_inactive_file", "total_active_file"],
  untouched: { file: "memory.oom_control", holds: "oom_kill_disable 0\n" },
  descriptorsOfAWatch: 8,
  // The machine is shared: one run in twenty may be lost.
  racesItMayLose: 1,
};

const v2: TestHierarchy = {
  version: 2,
  mount: "/sys/fs/cgroup",
  limitFile: "memory.max",
  unlimited: "max",
  usageFile: "memory.current",
  peakFile: "memory.peak",
  oomKillsFile: "memory.events.local",
  anonFields: ["anon"],
  fileCacheFields: ["inactive_file", "active_file"],
  untouched: { file: "memory.high", holds: "max\n" },
  descriptorsOfAWatch: 4,
  racesItMayLose: 0,
};

/** The one of this machine. */
export const hierarchy: TestHierarchy = existsSync(`${v2.mount}/cgroup.controllers`) ? v2 : v1;
