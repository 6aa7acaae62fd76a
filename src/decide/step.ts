import type { Policy } from "../config/config.ts";
import { calmPace, LONGEST_POLL_MS, type Pace, pace } from "./pace.ts";
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

/** What a look is made with, beside the reading. */
export interface Look {
  readonly nowMs: number;
  /** A kill in this cgroup's subtree, or above it, is not over yet. */
  readonly blocked: boolean;
  /** How fast usage grows as far as the caller knows; Infinity: the kernel finds nothing to give. */
  readonly bytesPerMs: number;
  /** The kernel holds usage back at the threshold itself (cgroup v2: memory.high), and has just said that it does. */
  readonly held: boolean;
}

/** A look that no other one came before, and that knows of nothing else. */
export const lookOnce: Look = { nowMs: 0, blocked: false, bytesPerMs: 0, held: false };

/** Whether usage alone says that nothing is to be done, so that the dearer memory.stat need not be read. */
export function usageSuffices(
  state: WatchState,
  bounds: Bounds,
  usageBytes: number,
  held: Look["held"],
): boolean {
  return usageBytes < bounds.thresholdBytes && state.phase !== "noted" && !hovers(bounds, usageBytes, held);
}

/**
 * Where the kernel drops page cache to hold a cgroup at its threshold, usage is seen just below it as often as above.
 * Taking that for calm would have every one of a hundred notifications a second looked at (250 such cgroups: a fifth of a
 * core); for a full cache, which it is, polling sees what there is to see.
 */
function hovers(bounds: Bounds, usageBytes: number, held: boolean): boolean {
  return held && usageBytes >= bounds.thresholdBytes - bounds.marginBytes;
}

/** The verdict where `usageSuffices`. */
export function belowThreshold(): Verdict {
  return stayCalm;
}

/** The guard's rule for one look at one cgroup. */
export function step(
  state: WatchState,
  reading: Reading,
  bounds: Bounds,
  policy: Policy,
  { nowMs, blocked, bytesPerMs, held }: Look,
): Verdict {
  const reclaimable = reclaimableBytes(reading);
  if (reading.usageBytes < bounds.thresholdBytes) {
    if (hovers(bounds, reading.usageBytes, held) && reclaimable >= bounds.cacheFloorBytes) {
      return waitForCache(state, reading, bounds, nowMs);
    }
    // One note per excursion: usage that dances around the threshold must first fall a margin below it.
    const stillNoted =
      state.phase === "noted" && reading.usageBytes >= bounds.thresholdBytes - bounds.marginBytes;
    return stillNoted ? { state, action: "none", pollMs: -1, listenToReclaim: false } : stayCalm;
  }
  if (reclaimable >= bounds.cacheFloorBytes) return waitForCache(state, reading, bounds, nowMs);
  const chargedBytes = reading.usageBytes - slackThatCounts(state, reading, bounds, bytesPerMs);
  if (chargedBytes < bounds.thresholdBytes) {
    return wait("slack", state, chargedBytes - reclaimable, bounds.thresholdBytes - chargedBytes, nowMs);
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

// Growth that covers the slack within this time has done so before a second look could confirm it.
const SLACK_COVERED_MS = 10;

/**
 * The part of the usage that is no reason to kill. memory.stat lags by as much as the pre-charges may be, so slack is
 * nearly always seen. While memory grows fast it is not worth a single millisecond: at 1.8 GB/s that is the whole
 * margin of a 100M cgroup. On many CPUs it may exceed a small margin, so an eighth of the margin is all it can get.
 */
function slackThatCounts(state: WatchState, reading: Reading, bounds: Bounds, bytesPerMs: number): number {
  const growth = Math.max(bytesPerMs, state.pace.bytesPerMs);
  if (growth * SLACK_COVERED_MS >= reading.slackBytes) return 0;
  return Math.min(reading.slackBytes, bounds.marginBytes / 8);
}

/** Kernel memory is not read here: where it grows, it takes the place of cache, which the kernel reclaims, and reports. */
function waitForCache(
  state: WatchState,
  reading: Reading,
  { cacheFloorBytes }: Bounds,
  nowMs: number,
): Verdict {
  const reclaimable = reclaimableBytes(reading);
  return wait("cache", state, reading.residentBytes - reclaimable, reclaimable - cacheFloorBytes, nowMs);
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
    // Nothing is reclaimed before usage is at its limit, and a slow leak seems to stand still while it uses what was charged
    // ahead: at 20 MB/s a second is the whole margin of 1000M.
    pollMs: phase === "slack" ? Math.min(next.pollMs, LONGEST_POLL_MS) : next.pollMs,
    listenToReclaim: phase === "cache" && next.quiet,
  };
}
