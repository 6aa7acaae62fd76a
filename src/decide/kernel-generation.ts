/** How this kernel's OOM killer counts; see oom_badness() in mm/oom_kill.c of the versions named. */
export interface KernelGeneration {
  /** Before 5.9 a result of 0 or less became 1, so every process of a Guaranteed pod tied. */
  readonly floorsAtOne: boolean;
  /** Before 4.17 processes with CAP_SYS_ADMIN got 3 % off: of the limit before 3.14, of their own points since. */
  readonly adminBonus: "of-limit" | "of-points" | "none";
  /** Before 5.1 the worst child of the chosen process died in its place. */
  readonly sacrificesChild: boolean;
  /** Which of two equal processes dies: the one found first before 5.3, the one found last since. */
  readonly ties: "first" | "last";
}

/** `uname -r` as a number, 5.9 as 5009. Unreadable text counts as a current kernel. */
function versionOf(release: string): number {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match ? Number(match[1]) * 1000 + Number(match[2]) : Number.POSITIVE_INFINITY;
}

/** Before 5.9 a task above memory.high may go round and round in the kernel. */
export function highIsSafe(release: string): boolean {
  return versionOf(release) >= 5009;
}

/**
 * Before 3.12 a task waits at its cgroup's limit with the locks it has (commit 3812c8c8f395), and who wants them waits with it,
 * the one that is to be killed perhaps. That CentOS 7 has this in its 3.10 is not known.
 */
export function waitingIsSafe(release: string): boolean {
  return versionOf(release) >= 3012;
}

/** Reads the generation off a `uname -r` such as "3.10.0-1160.el7.x86_64". */
export function kernelGeneration(release: string): KernelGeneration {
  const version = versionOf(release);
  return {
    floorsAtOne: version < 5009,
    adminBonus: version < 3014 ? "of-limit" : version < 4017 ? "of-points" : "none",
    sacrificesChild: version < 5001,
    ties: version < 5003 ? "first" : "last",
  };
}
