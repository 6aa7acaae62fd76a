import type { Identity } from "../discover/identity.ts";
import type { PodDirectory } from "../discover/node-pods.ts";

/** What a pod's spec asks for and allows; null: it does not say, or nobody told. */
export interface SpecMemory {
  readonly requestBytes: number | null;
  readonly specLimitBytes: number | null;
}

/** The request and the limit of a container, or of a pod as the sum of its containers'. */
export function specMemory(
  { kind, podUid, container, containerId }: Identity,
  pods: PodDirectory,
): SpecMemory {
  const containers = (podUid === null ? undefined : pods.pod(podUid))?.containers ?? [];
  if (kind === "pod") {
    return {
      requestBytes: sum(containers.map(({ requestBytes }) => requestBytes)),
      specLimitBytes: sum(containers.map(({ limitBytes }) => limitBytes)),
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

/** A sum with an unknown part is unknown. */
function sum(parts: readonly (number | null)[]): number | null {
  if (parts.length === 0) return null;
  return parts.reduce((total, part) => (total === null || part === null ? null : total + part));
}
