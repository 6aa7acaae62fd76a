import { ESRCH } from "../../ffi/errno.ts";
import type { sigkill } from "../../ffi/process.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import { OpenProcess } from "../proc/process.ts";

/**
 * How an attempt ended. killed: SIGKILL is on its way. gone: dead, or no longer in that cgroup. spared: may never be
 * killed. Otherwise -errno of the refusal.
 */
export type KillOutcome = "killed" | "gone" | "spared" | number;

/**
 * SIGKILLs one process if it still is in that cgroup or below it; never this process, never one with oom_score_adj
 * -1000. Membership and signal go through one open /proc directory, so a recycled pid cannot be hit.
 */
export function killProcess(
  procRoot: string,
  pid: number,
  cgroup: string,
  hierarchy: 1 | 2,
  signal: typeof sigkill,
): KillOutcome {
  if (pid === process.pid) return "spared";
  const target = OpenProcess.open(procRoot, pid);
  if (target === null) return "gone";
  try {
    const path = target.cgroupPath(hierarchy);
    if (path === null || !isWithin(path, cgroup)) return "gone";
    const adj = target.oomScoreAdj();
    if (adj === null) return "gone";
    if (adj === -1000) return "spared";
    const result = signal(target.directoryFd, pid);
    return result === 0 ? "killed" : result === -ESRCH ? "gone" : result;
  } finally {
    target.close();
  }
}
