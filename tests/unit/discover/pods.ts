import type { NodeContainer, NodePod } from "../../../src/kubernetes/node-pod.ts";

/** One container of a pod, with these ids. */
export function container(name: string, containerIds: readonly string[] = []): NodeContainer {
  return { name, kind: "app", containerIds, requestBytes: null, limitBytes: null };
}

/** What a pod of its own does not say. */
export const unsaid = { hasEnded: false, overheadBytes: 0, requestBytes: null, limitBytes: null };

/** A pod of the namespace shop, with one container of each name whose id is `<pod>-<name>`. */
export function pod(name: string, containers: readonly (string | NodeContainer)[] = ["app"]): NodePod {
  return {
    namespace: "shop",
    name,
    uid: `uid-${name}`,
    nodeUid: `uid-${name}`,
    qos: "Burstable",
    ...unsaid,
    containers: containers.map((each) =>
      typeof each === "string" ? container(each, [`${name}-${each}`]) : each,
    ),
  };
}
