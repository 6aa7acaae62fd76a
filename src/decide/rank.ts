import { badness, footprintBytes, type ProcessFacts } from "./badness.ts";
import type { KernelGeneration } from "./kernel-generation.ts";

/** One process with its points. */
export interface Ranked {
  readonly process: ProcessFacts;
  readonly badness: number;
}

/**
 * Processes the kernel may choose, worst first; equal points go to the larger memory. Processes that tie in both stay
 * in the order given.
 */
export function rank(
  processes: readonly ProcessFacts[],
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): Ranked[] {
  const ranked: Ranked[] = [];
  for (const process of processes) {
    const points = badness(process, totalPages, pageBytes, kernel);
    if (points !== null) ranked.push({ process, badness: points });
  }
  return ranked.sort(
    (a, b) => b.badness - a.badness || footprintBytes(b.process) - footprintBytes(a.process),
  );
}

/** The leading processes of a ranking that only their age can tell apart. */
export function tiedForFirst(ranked: readonly Ranked[]): readonly Ranked[] {
  const first = ranked[0];
  if (first === undefined) return [];
  return ranked.filter(
    (other) =>
      other.badness === first.badness && footprintBytes(other.process) === footprintBytes(first.process),
  );
}

/**
 * Whom the kernel's own OOM killer would kill, in the order it meets the processes (that of cgroup.procs).
 * @returns null where it finds nobody
 */
export function kernelChoice(
  processes: readonly ProcessFacts[],
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): Ranked | null {
  let chosen: Ranked | null = null;
  for (const process of processes) {
    const points = badness(process, totalPages, pageBytes, kernel);
    if (points === null) continue;
    if (chosen === null || points > chosen.badness || (points === chosen.badness && kernel.ties === "last")) {
      chosen = { process, badness: points };
    }
  }
  if (chosen === null || !kernel.sacrificesChild) return chosen;
  const children = processes.filter((process) => process.parentPid === chosen.process.pid);
  const child = rank(children, totalPages, pageBytes, kernel)[0];
  return child ?? chosen;
}
