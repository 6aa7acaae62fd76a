import type { AllowanceRule } from "./allowance.ts";

/**
 * How memory comes closer to where a kill is due: usage of a cgroup near its limit to its threshold, or above that what cannot
 * be reclaimed to the floor of what can.
 */
export interface ClosingIn {
  /** When its speed was last measured, and how much it was then. */
  readonly atMs: number;
  readonly bytes: number;
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

/** The first look: how fast is not known yet. */
export function comeNear(bytes: number, nowMs: number): ClosingIn {
  return {
    atMs: nowMs,
    bytes,
    bytesPerMs: 0,
    nextMs: nowMs + LOOK_MS,
    rehearsedMs: Number.NEGATIVE_INFINITY,
  };
}

/** One more look. @param distanceBytes how much is left until a kill is due */
export function closeIn(before: ClosingIn, bytes: number, distanceBytes: number, nowMs: number): ClosingIn {
  const elapsedMs = nowMs - before.atMs;
  if (elapsedMs < MEASURE_MS) return { ...before, nextMs: nowMs };
  const seen = Math.max(0, (bytes - before.bytes) / elapsedMs);
  const bytesPerMs = Math.max(seen, before.bytesPerMs * DECAY);
  const nextMs = nowMs + pauseMs(seen, distanceBytes / bytesPerMs);
  return { ...before, atMs: nowMs, bytes, bytesPerMs, nextMs };
}

// Three rehearsals, and looks enough to know the speed again.
const SOON_MS = 10;

/** Whether it is there so soon, at the speed its looks (`pace.ts`) have seen, that it is to be followed closely. */
export function isSoon(bytesPerMs: number, distanceBytes: number): boolean {
  return distanceBytes < bytesPerMs * SOON_MS;
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
