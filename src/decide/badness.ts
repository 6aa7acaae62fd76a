import type { KernelGeneration } from "./kernel-generation.ts";

/** What the kernel's OOM killer looks at in one process. Bytes are kept, pages are computed. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  readonly comm: string;
  readonly rssBytes: number;
  readonly swapBytes: number;
  readonly pageTableBytes: number;
  readonly oomScoreAdj: number;
  /** CAP_SYS_ADMIN in its effective set. */
  readonly admin: boolean;
}

/** Bytes that would come free, as the kernel counts them. */
export function footprintBytes(process: ProcessFacts): number {
  return process.rssBytes + process.swapBytes + process.pageTableBytes;
}

/**
 * The kernel's points for one process (oom_badness(), mm/oom_kill.c), or null where it never chooses it.
 * @param totalPages the limit the OOM is about, in pages (`oomTotalPages`)
 */
export function badness(
  process: ProcessFacts,
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): number | null {
  if (process.oomScoreAdj === -1000) return null;
  let points = Math.floor(footprintBytes(process) / pageBytes);
  let adj = process.oomScoreAdj;
  if (process.admin && kernel.adminBonus === "of-limit") adj -= 30;
  if (process.admin && kernel.adminBonus === "of-points") points -= Math.floor((points * 3) / 100);
  // The kernel divides first: adj *= totalpages / 1000.
  points += adj * Math.floor(totalPages / 1000);
  return kernel.floorsAtOne ? Math.max(points, 1) : points;
}

/**
 * The size the kernel measures oom_score_adj against: the limit, plus the swap the cgroup could use
 * (mem_cgroup_get_max(), mm/memcontrol.c).
 * @param memswLimitBytes the limit on memory and swap together; Infinity where there is none
 */
export function oomTotalPages(
  limitBytes: number,
  memswLimitBytes: number,
  totalSwapBytes: number,
  swappiness: number,
  pageBytes: number,
): number {
  const swapBytes =
    swappiness === 0 ? 0 : Math.max(0, Math.min(memswLimitBytes - limitBytes, totalSwapBytes));
  return Math.max(1, Math.floor((limitBytes + swapBytes) / pageBytes));
}
