import type { GuardSettings } from "../config/config.ts";

/** The settings that say where a threshold lies. */
export type MarginSettings = Pick<GuardSettings, "marginRatio" | "minMarginBytes" | "maxMarginBytes">;

/**
 * How far below its limit a cgroup may come: a share of the limit, kept between the smallest and the largest
 * margin. A margin of half the limit or more is cut to half, so that a tiny container may still use something.
 */
export function marginBytes(limitBytes: number, settings: MarginSettings): number {
  const share = Math.round(limitBytes * settings.marginRatio);
  const margin = Math.min(Math.max(share, settings.minMarginBytes), settings.maxMarginBytes);
  return Math.min(margin, Math.floor(limitBytes / 2));
}

/** The usage at which the guard acts: the limit less the margin. */
export function thresholdBytes(limitBytes: number, settings: MarginSettings): number {
  return limitBytes - marginBytes(limitBytes, settings);
}

/** This much reclaimable file cache means that the kernel can still help itself: do not kill. */
export function cacheFloorBytes(
  limitBytes: number,
  settings: MarginSettings & Pick<GuardSettings, "cacheFloor">,
): number {
  return settings.cacheFloor === "margin" ? marginBytes(limitBytes, settings) : settings.cacheFloor;
}
