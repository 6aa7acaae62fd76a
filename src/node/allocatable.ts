import type { KubeletAnswer } from "./kubelet-memory.ts";

/** What pods may request on this node in all, and who says so: the API server's Node, or the limit of the pods' cgroup. */
export interface Allocatable {
  readonly allocatableBytes: number | null;
  readonly allocatableSource: "api" | "cgroup" | null;
}

/**
 * The Node object's word where there is one. Otherwise kubelet has written it into the cgroup of all pods: capacity less
 * reservations, without the eviction threshold (getNodeAllocatableAbsolute(), pkg/kubelet/cm), which is allocatable
 * to nobody (GetNodeAllocatableReservation()). The kernel rounds that limit down to a page.
 * @param podsLimitBytes Infinity where the cgroup has none, null where there is no such cgroup
 */
export function allocatable(
  nodeSaysBytes: number | null,
  podsLimitBytes: number | null,
  kubelet: KubeletAnswer,
): Allocatable {
  if (nodeSaysBytes !== null) return { allocatableBytes: nodeSaysBytes, allocatableSource: "api" };
  const isLimited = podsLimitBytes !== null && podsLimitBytes !== Number.POSITIVE_INFINITY;
  if (!isLimited || !kubelet.ok || !kubelet.value.limitsPods) {
    return { allocatableBytes: null, allocatableSource: null };
  }
  const reservedBytes = kubelet.value.evictionThresholdBytes ?? 0;
  return { allocatableBytes: Math.max(0, podsLimitBytes - reservedBytes), allocatableSource: "cgroup" };
}
