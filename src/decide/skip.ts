import type { Reading } from "./reading.ts";
import type { Bounds, Phase } from "./step.ts";

/**
 * Why nobody is killed in a cgroup that is at its threshold. cache: there is file cache to reclaim. swap: there is room
 * to swap. slack: per-CPU pre-charges. blocked: a kill in it, above it or below it is under way. kernel: the kernel's
 * OOM killer is at work. no-victim: it holds no process the guard may kill. noop: its policy.
 */
export const SKIP_REASONS = ["cache", "slack", "swap", "blocked", "kernel", "no-victim", "noop"] as const;

export type SkipReason = (typeof SKIP_REASONS)[number];

/** The reason a phase stands for; null: the cgroup is not at its threshold, or somebody is to be killed. */
export function skipReason(
  phase: Phase,
  { fileBytes }: Pick<Reading, "fileBytes">,
  { cacheFloorBytes }: Pick<Bounds, "cacheFloorBytes">,
  yieldsToKernel: boolean,
): SkipReason | null {
  switch (phase) {
    case "calm":
    case "striking":
      return null;
    case "slack":
      return "slack";
    case "cache":
      return fileBytes < cacheFloorBytes ? "swap" : "cache";
    case "blocked":
      return yieldsToKernel ? "kernel" : "blocked";
    case "noted":
      return "noop";
  }
}
