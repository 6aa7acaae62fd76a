import type { Policy } from "../config/config.ts";
import { calmPace, type Pace, pace } from "./pace.ts";
import { type Reading, reclaimableBytes } from "./reading.ts";

/** The numbers a watch is armed with, in bytes. */
export interface Bounds {
  readonly thresholdBytes: number;
  readonly marginBytes: number;
  /** This much reclaimable memory means: do not kill. */
  readonly cacheFloorBytes: number;
}

/**
 * Where a watch stands.
 * calm: below the threshold. slack: above it by per-CPU pre-charges only. cache: above it, but the kernel can
 * still reclaim. blocked: a kill in the same subtree is under way. noted: over, and `noop` has said so.
 * striking: over, and a kill was asked for.
 */
export type Phase = "calm" | "slack" | "cache" | "blocked" | "noted" | "striking";

/** What one watch remembers between two looks. */
export interface WatchState {
  readonly phase: Phase;
  readonly pace: Pace;
}

/** What is to be done after a look. `pollMs` -1: wait for the kernel's next notification. */
export interface Verdict {
  readonly state: WatchState;
  readonly action: "none" | "kill" | "note";
  readonly pollMs: number;
  /** Whether the kernel's report of any reclaim at all should wake the sentinel. */
  readonly listenToReclaim: boolean;
}

export const calm: WatchState = { phase: "calm", pace: calmPace };

const stayCalm: Verdict = { state: calm, action: "none", pollMs: -1, listenToReclaim: false };

/** Whether usage alone says that nothing is to be done, so that the dearer memory.stat need not be read. */
export function usageSuffices(state: WatchState, bounds: Bounds, usageBytes: number): boolean {
  return usageBytes < bounds.thresholdBytes && state.phase !== "noted";
}

/** The verdict where `usageSuffices`. */
export function belowThreshold(): Verdict {
  return stayCalm;
}

/**
 * The guard's rule for one look at one cgroup.
 * @param blocked a kill in this cgroup's subtree, or above it, is not over yet
 */
export function step(
  state: WatchState,
  reading: Reading,
  bounds: Bounds,
  policy: Policy,
  blocked: boolean,
  nowMs: number,
): Verdict {
  if (reading.usageBytes < bounds.thresholdBytes) {
    // One note per excursion: usage that dances around the threshold must first fall a margin below it.
    const stillNoted =
      state.phase === "noted" && reading.usageBytes >= bounds.thresholdBytes - bounds.marginBytes;
    return stillNoted ? { state, action: "none", pollMs: -1, listenToReclaim: false } : stayCalm;
  }
  const reclaimable = reclaimableBytes(reading);
  // On a machine with many CPUs the pre-charges may be as large as a small margin. Half a margin is what we can wait for.
  const chargedBytes = reading.usageBytes - Math.min(reading.slackBytes, bounds.marginBytes / 2);
  const fixedBytes = chargedBytes - reclaimable;
  if (reclaimable >= bounds.cacheFloorBytes) {
    return wait("cache", state, fixedBytes, reclaimable - bounds.cacheFloorBytes, nowMs);
  }
  if (chargedBytes < bounds.thresholdBytes) {
    return wait("slack", state, fixedBytes, bounds.thresholdBytes - chargedBytes, nowMs);
  }
  if (policy === "noop") {
    const action = state.phase === "noted" ? "none" : "note";
    return { state: { phase: "noted", pace: calmPace }, action, pollMs: -1, listenToReclaim: false };
  }
  // The end of the kill under way brings the next look; no poll of its own.
  if (blocked) {
    return {
      state: { phase: "blocked", pace: calmPace },
      action: "none",
      pollMs: -1,
      listenToReclaim: false,
    };
  }
  return { state: { phase: "striking", pace: calmPace }, action: "kill", pollMs: -1, listenToReclaim: false };
}

function wait(
  phase: "cache" | "slack",
  state: WatchState,
  fixedBytes: number,
  distanceBytes: number,
  nowMs: number,
): Verdict {
  const before = state.phase === phase ? state.pace : calmPace;
  const next = pace(before, fixedBytes, distanceBytes, nowMs);
  return {
    state: { phase, pace: next },
    action: "none",
    pollMs: next.pollMs,
    listenToReclaim: phase === "cache" && next.quiet,
  };
}
