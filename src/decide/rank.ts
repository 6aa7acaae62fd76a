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

/** Whom the kernel's OOM killer would kill, and whom it would have to choose among. */
export interface KernelChoice extends Ranked {
  /** All with the most points, in the order given; more than one: the order decided. */
  readonly tied: readonly ProcessFacts[];
  /** The process with the most points, where a child of it dies in its place. */
  readonly insteadOf: ProcessFacts | null;
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
): KernelChoice | null {
  const tied = withMostPoints(processes, totalPages, pageBytes, kernel);
  const chosen = tied.at(kernel.ties === "first" ? 0 : -1);
  if (chosen === undefined) return null;
  const children = kernel.sacrificesChild
    ? processes.filter((process) => process.parentPid === chosen.process.pid)
    : [];
  const child = withMostPoints(children, totalPages, pageBytes, kernel)[0];
  return {
    ...(child ?? chosen),
    tied: tied.map(({ process }) => process),
    insteadOf: child === undefined ? null : chosen.process,
  };
}

function withMostPoints(
  processes: readonly ProcessFacts[],
  totalPages: number,
  pageBytes: number,
  kernel: KernelGeneration,
): Ranked[] {
  let found: Ranked[] = [];
  for (const process of processes) {
    const points = badness(process, totalPages, pageBytes, kernel);
    const most = found[0]?.badness ?? Number.NEGATIVE_INFINITY;
    if (points === null || points < most) continue;
    if (points > most) found = [];
    found.push({ process, badness: points });
  }
  return found;
}
