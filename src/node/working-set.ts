/**
 * The memory kubelet holds a cgroup to account for: usage without inactive file cache, never below 0. A kernel that
 * does not tell the cache apart has none of it taken off (setMemoryStats(), cAdvisor container/libcontainer/handler.go,
 * the same in 0.38, in kubelet 1.20, and in 0.52).
 */
export function workingSetBytes(usageBytes: number, inactiveFileBytes: number | null): number {
  return Math.max(0, usageBytes - (inactiveFileBytes ?? 0));
}

/**
 * kubelet's `memory.available`: what its eviction thresholds are compared with (pkg/kubelet/eviction/helpers.go takes
 * it from the summary, pkg/kubelet/stats/helper.go computes it there). Where the working set is larger than the node
 * kubelet's number is negative and shown as 0 here.
 */
export function memoryAvailableBytes(capacityBytes: number, nodeWorkingSetBytes: number): number {
  return Math.max(0, capacityBytes - nodeWorkingSetBytes);
}
