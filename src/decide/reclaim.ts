import type { AllowanceRule } from "./allowance.ts";

/** Whether page cache may be dropped before the threshold: at all, where at least a margin's worth is to be had, or any. */
export type ReclaimMode = "auto" | "always" | "never";

/** What the reclaim before the threshold is decided on. */
export interface ReclaimFacts {
  readonly mode: ReclaimMode;
  readonly fileBytes: number;
  readonly marginBytes: number;
  /** Anonymous memory that reclaim would push to swap. */
  readonly swappableBytes: number;
}

/**
 * Whether the cgroup may be reclaimed at all now, which is to be asked before it is read: a full one is near its limit all
 * the time.
 * @param lastMs when it was reclaimed last; NaN: never
 */
export function isTimeToReclaim(
  mode: ReclaimMode,
  lastMs: number,
  cooldownMs: number,
  nowMs: number,
): boolean {
  return mode !== "never" && !(nowMs - lastMs < cooldownMs);
}

/**
 * Whether to drop the cgroup's page cache now. Never where anonymous memory would go to swap: force_empty does not
 * spare it. `auto` wants at least a margin's worth of cache to gain; `always` takes any.
 */
export function shouldReclaim(facts: ReclaimFacts): boolean {
  if (facts.mode === "never" || facts.swappableBytes > 0) return false;
  return facts.mode === "always" ? facts.fileBytes > 0 : facts.fileBytes >= facts.marginBytes;
}

/**
 * How long a reclaim may take. The kernel goes on for as long as the cgroup refills (a container that streams files
 * would keep it busy for ever), so it is cut off at four times what dropping this much clean cache was seen to need
 * (about 4 MB a millisecond on Linux 6.18).
 */
export function reclaimBudgetMs(fileBytes: number): number {
  return 200 + fileBytes / (1024 * 1024);
}

const LONGEST_COOLDOWN_MS = 600_000;

/**
 * The pause after this reclaim. A cgroup that was full again soon after the last one reads or writes more than it can
 * hold; dropping its cache only costs it disk reads, so the pause doubles, up to ten minutes, and starts over once it
 * stayed away from its limit for three pauses.
 */
export function nextCooldownMs(
  cooldownMs: number,
  lastMs: number,
  nowMs: number,
  configuredMs: number,
): number {
  if (Number.isNaN(lastMs) || nowMs - lastMs > 3 * cooldownMs) return configuredMs;
  return Math.max(configuredMs, Math.min(cooldownMs * 2, LONGEST_COOLDOWN_MS));
}

/**
 * What all reclaims of a node may cost together. The kernel drops cache at the limit by itself; that it is done before, and off the
 * threads that allocate, is not worth more than this (250 containers that stream files: 9 % of a core).
 */
export const reclaimEffort: AllowanceRule = { mostMs: 2000, share: 0.01 };
