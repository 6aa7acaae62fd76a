import type { FoundPod, PodKey } from "./find-pod.ts";
import type { NameLookup } from "./identify.ts";

/**
 * The names of a container that a runtime has told by now. It may have died while its runtime was away, and its pod may
 * be deleted before any list of pods has it.
 * @returns null when no runtime's labels say whose it is, or they put it into another pod than the one it lies in
 */
export function findContainer({ containerId, podUid }: PodKey, names: NameLookup): FoundPod | null {
  const name = containerId === null ? undefined : names.byContainerId(containerId);
  if (name === undefined || name.namespace === null || name.pod === null || name.podUid === null) return null;
  if (podUid !== null && podUid !== name.podUid) return null;
  const { namespace, pod, container } = name;
  return { namespace, pod, podUid: name.podUid, container };
}
