import type { Bounds } from "./step.ts";

// 128 page events until the kernel looks, and 64 pages that may have been charged ahead.
const BLIND_BYTES = 192 * 4096;

/**
 * Whether the kernel is in step: knows on which side of the threshold usage is, and will tell of the next crossing. On
 * cgroup v1 it looks once in 128 page events of a cgroup on a CPU, and tells what has changed since it last looked
 * (__mem_cgroup_threshold(), mm/memcontrol-v1.c). A dip between two looks it does not see, and then not that usage rises
 * again either. What is charged ahead for a CPU makes such dips: it goes back whenever another cgroup charges there. Of
 * 64 leaks at 3 MB/s on two cores 15 and more reached their limit unheard (Linux 6.18).
 * @param before what was returned at the last look
 * @param isNotified whether the kernel has just told of a crossing: upwards or downwards, it does not say
 */
export function staysInStep(
  before: boolean,
  { thresholdBytes, marginBytes }: Bounds,
  usageBytes: number,
  isNotified: boolean,
): boolean {
  // On its way back up the kernel looks before it gets there.
  if (usageBytes < thresholdBytes - Math.max(marginBytes, BLIND_BYTES)) return true;
  return before && !isNotified && usageBytes < thresholdBytes;
}
