import type { Identity } from "../discover/identity.ts";
import type { PodDirectory } from "../discover/node-pods.ts";
import type { NodeContainer } from "../kubernetes/node-pod.ts";

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
  const containers = (podUid === null ? undefined : pods.pod(podUid))?.containers ?? [];
  if (kind === "pod") {
    return {
      requestBytes: mostAtOnce(containers, ({ requestBytes }) => requestBytes),
      specLimitBytes: mostAtOnce(containers, ({ limitBytes }) => limitBytes),
    };
  }
  // The id of a container that was just started may not be in the pod's status yet; within a pod its name is unique.
  const found =
    kind !== "container"
      ? undefined
      : (containers.find(({ containerIds }) => containerId !== null && containerIds.includes(containerId)) ??
        containers.find(({ name }) => name === container));
  return { requestBytes: found?.requestBytes ?? null, specLimitBytes: found?.limitBytes ?? null };
}

/**
 * What a pod's containers may hold at most: all that run side by side, or an init container with the sidecars started
 * before it. Ephemeral containers have no resources. Unknown if it is unknown of one that stays.
 */
function mostAtOnce(
  containers: readonly NodeContainer[],
  bytesOf: (container: NodeContainer) => number | null,
): number | null {
  const apps = containers.filter(({ kind }) => kind === "app").map(bytesOf);
  if (apps.length === 0 || apps.includes(null)) return null;
  let running = 0;
  let most = 0;
  for (const container of containers) {
    const bytes = bytesOf(container) ?? 0;
    if (container.kind === "app") running += bytes;
    most = Math.max(most, container.kind === "init" ? running + bytes : running);
  }
  return most;
}
