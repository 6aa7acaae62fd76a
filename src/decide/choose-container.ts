/** A container inside a pod cgroup that is over its threshold. */
export interface Candidate {
  /** Relative to the mount. */
  readonly cgroup: string;
  /** Memory of it that cannot be reclaimed. */
  readonly fixedBytes: number;
  /** oom_score_adj of its largest process. */
  readonly oomScoreAdj: number;
}

/**
 * How far a container is over what it asked for. kubelet sets oom_score_adj so that adj / 1000 of the node's memory is
 * what the container did not request (1000 - 1000 * request / node memory), so memory plus that share ranks containers
 * by memory beyond their request: a Guaranteed one is spared for a BestEffort one, and equals go by size.
 * (kubernetes pkg/kubelet/qos/policy.go)
 */
function excessBytes(candidate: Candidate, nodeMemoryBytes: number): number {
  return candidate.fixedBytes + (candidate.oomScoreAdj * nodeMemoryBytes) / 1000;
}

/** Containers in the order in which they should die; the same input always gives the same order. */
export function orderContainers(candidates: readonly Candidate[], nodeMemoryBytes: number): Candidate[] {
  return [...candidates].sort(
    (a, b) =>
      excessBytes(b, nodeMemoryBytes) - excessBytes(a, nodeMemoryBytes) ||
      b.fixedBytes - a.fixedBytes ||
      (a.cgroup < b.cgroup ? -1 : 1),
  );
}
