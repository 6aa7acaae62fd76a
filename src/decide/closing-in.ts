import type { AllowanceRule } from "./allowance.ts";

/** How usage of a cgroup near its limit comes closer to its threshold. */
export interface ClosingIn {
  /** When its speed was last measured, and the usage then. */
  readonly atMs: number;
  readonly usageBytes: number;
  /** The fastest recent growth. */
  readonly bytesPerMs: number;
  /** When to look again; Infinity: the kernel's notification will do. */
  readonly nextMs: number;
  /** When a kill was rehearsed last. */
  readonly rehearsedMs: number;
}

// A leak at 1.8 GB/s takes 11 ms from near to the threshold of a 1000M cgroup. What takes longer is left to the kernel.
const HORIZON_MS = 40;
const LOOK_MS = 1;
// The last stretch is watched without a pause, because a timeout may come a millisecond late.
const STARE_MS = 1.5;
// Looks without a pause find one batch of 64 pages charged or none: a speed takes a while to measure.
const MEASURE_MS = 0.5;
// A rehearsal leaves 3.5 KB for the collector. With one at each look a leak left 130 KB, and the collector came every 45
// leaks, in the middle of one: 1.4 ms instead of 0.2.
const REHEARSE_AGAIN_MS = 3;
const REHEARSE_AGAIN_STARING_MS = 0.3;
// Where four programs share a core, a leak stands still for some 10 ms at a time and then goes on as before.
const DECAY = 0.9;

/** The first look at a cgroup that has just come near its limit: how fast is not known yet. */
export function comeNear(usageBytes: number, nowMs: number): ClosingIn {
  return {
    atMs: nowMs,
    usageBytes,
    bytesPerMs: 0,
    nextMs: nowMs + LOOK_MS,
    rehearsedMs: Number.NEGATIVE_INFINITY,
  };
}

/** One more look. @param distanceBytes how much is left to the threshold */
export function closeIn(
  before: ClosingIn,
  usageBytes: number,
  distanceBytes: number,
  nowMs: number,
): ClosingIn {
  const elapsedMs = nowMs - before.atMs;
  if (elapsedMs < MEASURE_MS) return { ...before, nextMs: nowMs };
  const seen = Math.max(0, (usageBytes - before.usageBytes) / elapsedMs);
  const bytesPerMs = Math.max(seen, before.bytesPerMs * DECAY);
  const nextMs = nowMs + pauseMs(seen, distanceBytes / bytesPerMs);
  return { ...before, atMs: nowMs, usageBytes, bytesPerMs, nextMs };
}

/** Whether what a kill goes through may have left the caches since its last rehearsal. */
export function isRehearsalDue({ rehearsedMs, nextMs }: ClosingIn, nowMs: number): boolean {
  const isStaring = nextMs === nowMs;
  return nowMs - rehearsedMs >= (isStaring ? REHEARSE_AGAIN_STARING_MS : REHEARSE_AGAIN_MS);
}

/** @param untilMs when it is there; NaN or Infinity where it does not move */
function pauseMs(seen: number, untilMs: number): number {
  if (!(untilMs <= HORIZON_MS)) return Number.POSITIVE_INFINITY;
  // What stands still may be waiting for the very core that staring keeps busy.
  return untilMs <= STARE_MS && seen > 0 ? 0 : LOOK_MS;
}

/**
 * What looking closely may cost: five leaks at once, or one that needs five starts; and 1 % of a core where cgroups come near
 * their limit all the time.
 */
export const closeLooks: AllowanceRule = { mostMs: 60, share: 0.01 };
