import type { Identity } from "../discover/identity.ts";
import type { PodDirectory } from "../discover/node-pods.ts";
import type { NodeContainer, NodePod } from "../kubernetes/node-pod.ts";

/** What a pod's spec asks for and allows; null: it does not say, or nobody told. */
export interface SpecMemory {
  readonly requestBytes: number | null;
  readonly specLimitBytes: number | null;
}

/** The request and the limit of a container, or of a pod as Kubernetes computes them from its containers'. */
export function specMemory(
  { kind, podUid, container, containerId }: Identity,
  pods: PodDirectory,
): SpecMemory {
  const pod = podUid === null ? undefined : pods.pod(podUid);
  if (kind === "pod" && pod !== undefined) {
    return {
      requestBytes: saysAll(pod, "requestBytes") ? podBytes(pod, "requestBytes") : null,
      specLimitBytes: saysAll(pod, "limitBytes") ? podBytes(pod, "limitBytes") : null,
    };
  }
  // The id of a container that was just started may not be in the pod's status yet; within a pod its name is unique.
  const containers = pod?.containers ?? [];
  const found =
    kind !== "container"
      ? undefined
      : (containers.find(({ containerIds }) => containerId !== null && containerIds.includes(containerId)) ??
        containers.find(({ name }) => name === container));
  return { requestBytes: found?.requestBytes ?? null, specLimitBytes: found?.limitBytes ?? null };
}

/** Which of both. */
type Which = "requestBytes" | "limitBytes";

/** Whether the pod as a whole says it, or each of its containers that stay. Without, a pod has no limit. */
export function saysAll(pod: NodePod, which: Which): boolean {
  if (pod[which] !== null) return true;
  const apps = pod.containers.filter(({ kind }) => kind === "app");
  return apps.length > 0 && apps.every((container) => container[which] !== null);
}

/**
 * What a pod asks for, or may use, as the scheduler counts it: what the pod as a whole says, or its containers; who does
 * not say counts for nothing; the overhead comes on top, for limits only if there is one
 * (PodRequests(), PodLimits(), k8s.io/component-helpers/resource).
 */
export function podBytes(pod: NodePod, which: Which): number {
  const bytes = pod[which] ?? mostAtOnce(pod.containers, (container) => container[which] ?? 0);
  return which === "requestBytes" || bytes > 0 ? bytes + pod.overheadBytes : 0;
}

/**
 * What a pod's containers may hold at most: all that run side by side, or an init container with the sidecars started
 * before it. Ephemeral containers have no resources.
 */
function mostAtOnce(
  containers: readonly NodeContainer[],
  bytesOf: (container: NodeContainer) => number,
): number {
  let running = 0;
  let most = 0;
  for (const container of containers) {
    if (container.kind === "app") running += bytesOf(container);
    most = Math.max(most, container.kind === "init" ? running + bytesOf(container) : running);
  }
  return most;
}
