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

/** What the kernel adds up for one process, each term in whole pages. */
export interface BadnessTerms {
  readonly rssPages: number;
  readonly swapPages: number;
  /** All levels of tables since 4.15, only the lowest one before 4.0; /proc tells the same levels. */
  readonly pageTablePages: number;
  /** What oom_score_adj adds, or takes. */
  readonly adjPages: number;
  /** What CAP_SYS_ADMIN takes off: 0, or less. */
  readonly adminBonusPages: number;
}

/**
 * The terms of oom_badness() (mm/oom_kill.c).
 * @param totalPages the limit the OOM is about, in pages (`oomTotalPages`)
 */
export function badnessTerms(
  process: ProcessFacts,
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): BadnessTerms {
  const pages = (bytes: number) => Math.floor(bytes / pageBytes);
  const held = {
    rssPages: pages(process.rssBytes),
    swapPages: pages(process.swapBytes),
    pageTablePages: pages(process.pageTableBytes),
  };
  // The kernel divides first: adj *= totalpages / 1000. Adding 0 makes -0 a 0.
  const pagesPerPoint = Math.floor(totalPages / 1000);
  const heldPages = held.rssPages + held.swapPages + held.pageTablePages;
  const bonus = { "of-limit": 30 * pagesPerPoint, "of-points": Math.floor((heldPages * 3) / 100), none: 0 };
  return {
    ...held,
    adjPages: process.oomScoreAdj * pagesPerPoint + 0,
    adminBonusPages: process.admin ? 0 - bonus[kernel.adminBonus] : 0,
  };
}

/** The sum before a kernel that floors makes it 1. */
export function sumOf(terms: BadnessTerms): number {
  const { rssPages, swapPages, pageTablePages, adjPages, adminBonusPages } = terms;
  return rssPages + swapPages + pageTablePages + adjPages + adminBonusPages;
}

/**
 * The kernel's points for one process, or null where it never chooses it. Not seen here, because /proc does not tell: since
 * 4.8 a child between vfork and exec is passed over as well.
 * @param totalPages as for `badnessTerms`
 */
export function badness(
  process: ProcessFacts,
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): number | null {
  if (process.oomScoreAdj === -1000) return null;
  const points = sumOf(badnessTerms(process, totalPages, pageBytes, kernel));
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
