import { classify, type PathClass } from "./classify.ts";
import type { ContainerName } from "./container-name.ts";
import { findPod } from "./find-pod.ts";
import type { Identity } from "./identity.ts";
import type { PodDirectory } from "./node-pods.ts";

/** Where names are looked up: `ContainerNames`, or anything like it. */
export interface NameLookup {
  byCgroup(path: string): ContainerName | undefined;
  byContainerId(id: string): ContainerName | undefined;
  byPodUid(uid: string): ContainerName | undefined;
}

/**
 * Whose cgroup it is, from the path and from whatever the runtimes know about it.
 * @param pods what the API server knows, for containers of which no runtime tells names of Kubernetes.
 */
export function identifyCgroup(path: string, names: NameLookup, pods?: PodDirectory): Identity {
  const seen = classify(path);
  const { containerId, podUid } = seen;
  const name =
    names.byCgroup(path) ??
    (containerId === null ? undefined : names.byContainerId(containerId)) ??
    enclosing(path, names) ??
    (podUid === null ? undefined : names.byPodUid(podUid));
  const identity = identify(path, name, seen);
  return pods === undefined ? identity : supplement(identity, pods);
}

/** Adds what the API server tells to what is not known yet. A runtime's labels are closer to the truth, and stay. */
function supplement(identity: Identity, pods: PodDirectory): Identity {
  const found = identity.namespace === null ? findPod(identity, pods) : null;
  const { podUid } = found ?? identity;
  const qos = identity.qos ?? (podUid === null ? null : (pods.pod(podUid)?.qos ?? null));
  if (found === null) return qos === identity.qos ? identity : { ...identity, qos };
  // The API server lists a pod's containers, never its sandbox.
  const kind = identity.kind === "sandbox" && found.container !== null ? "container" : identity.kind;
  return { ...identity, ...found, kind, container: identity.container ?? found.container, qos };
}

/**
 * Joins what the path tells with what the runtime tells. The runtime wins where both speak, with one
 * exception: a path that is a pod's stays a pod, since killing "that container" would kill its neighbours.
 * @param name the container in this cgroup, or around it, or another one of the same pod; one that has
 *   nothing to do with the path is ignored.
 * @param seen what the path alone tells
 */
export function identify(path: string, name: ContainerName | undefined, seen = classify(path)): Identity {
  const relation = name === undefined ? "none" : relate(path, seen, name);
  if (name === undefined || relation === "none") {
    const { kind, podUid, containerId, qos } = seen;
    return { kind, namespace: null, pod: null, podUid, container: null, containerId, qos };
  }
  const { namespace, pod } = name;
  const podUid = name.podUid ?? seen.podUid;
  if (relation === "pod") {
    return {
      kind: seen.kind,
      namespace,
      pod,
      podUid,
      container: null,
      containerId: seen.containerId,
      qos: seen.qos,
    };
  }
  const ownKind = name.sandbox === true ? "sandbox" : "container";
  const kind = relation === "own" ? ownKind : "other";
  return {
    kind,
    namespace,
    pod,
    podUid,
    container: name.container,
    containerId: name.containerId,
    qos: seen.qos,
  };
}

type Relation = "own" | "inside" | "pod" | "none";

function relate(path: string, seen: PathClass, name: ContainerName): Relation {
  const sameId = seen.containerId === name.containerId;
  if (seen.kind === "pod") return name.cgroup === path || seen.podUid === name.podUid ? "pod" : "none";
  if (name.cgroup === path || (sameId && seen.kind === "container")) return "own";
  if (sameId || (name.cgroup !== null && path.startsWith(`${name.cgroup}/`))) return "inside";
  return seen.podUid !== null && seen.podUid === name.podUid ? "pod" : "none";
}

/** The container on an arbitrary path whose cgroup this one lies in. */
function enclosing(path: string, names: NameLookup): ContainerName | undefined {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const name = names.byCgroup(path.slice(0, end));
    if (name !== undefined) return name;
  }
  return undefined;
}
