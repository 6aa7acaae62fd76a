import type { PodDirectory, PodName } from "./node-pods.ts";

/** What a pod is looked up by: what a cgroup's path, or the runtime, tells. */
export interface PodKey {
  readonly containerId: string | null;
  readonly podUid: string | null;
}

/** Names that the API server knows; the container is null where only the pod is known. */
export interface FoundPod extends PodName {
  readonly container: string | null;
}

/**
 * The names of a container, or at least of its pod.
 * @returns null when the API server has not told of either. A container that it puts into another pod than the one
 *   it lies in is not believed: a pod's status is text that others than kubelet may have written.
 */
export function findPod({ containerId, podUid }: PodKey, pods: PodDirectory): FoundPod | null {
  const container = containerId === null ? undefined : pods.byContainerId(containerId);
  if (container !== undefined && (podUid === null || podUid === container.podUid)) return container;
  const pod = podUid === null ? undefined : pods.byPodUid(podUid);
  return pod === undefined ? null : { ...pod, container: null };
}
