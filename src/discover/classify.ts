import type { CgroupKind, Qos } from "./identity.ts";

/** What a path alone tells. A sandbox cannot be told from a container by its path. */
export interface PathClass {
  readonly kind: Exclude<CgroupKind, "sandbox">;
  readonly podUid: string | null;
  readonly containerId: string | null;
  readonly qos: Qos | null;
}

/** A pod, or a container, met on the way down a path. */
interface Pod {
  readonly uid: string;
  readonly qos: Qos;
}

/** kubelet's systemd driver; with a `--cgroup-root`, that root's slice name comes first. */
const POD_SLICE = /^(?:.+-)?kubepods(?:-(burstable|besteffort))?-pod([0-9A-Za-z_]+)\.slice$/;
/** kubelet's cgroupfs driver. */
const POD_DIRECTORY = /^pod([0-9A-Za-z-]+)$/;
/** The runtimes' scopes. Hex only, which leaves `crio-conmon-ID.scope` out: a monitor, not a container. */
const CONTAINER_SCOPE = /^(?:cri-containerd|docker|crio|libpod|nerdctl)-([0-9a-f]{8,64})\.scope$/;
/** A container below a pod's directory (containerd, Docker: the bare id; CRI-O: prefixed). */
const CONTAINER_DIRECTORY = /^(?:crio-)?([0-9a-f]{8,64})$/;

/**
 * Says what a memory cgroup is from its path alone, relative to the mount: the cgroupfs names
 * (`/kubepods/burstable/podUID/ID`, `/docker/ID`) and the systemd names
 * (`/kubepods.slice/…/kubepods-burstable-podUID.slice/cri-containerd-ID.scope`, `…/docker-ID.scope`).
 * The names may start anywhere in the path (a kubelet with a cgroup root, Kubernetes in Docker); the deepest
 * wins. Below a container or a pod the kind is `other` and the ids are kept.
 */
export function classify(path: string): PathClass {
  const segments = path.split("/").filter((segment) => segment !== "");
  let pod: Pod | null = null;
  let podDepth = -1;
  let containerId: string | null = null;
  let containerDepth = -1;
  for (let depth = 0; depth < segments.length; depth++) {
    const segment = segments[depth]!;
    const podHere = podAt(segments, depth);
    if (podHere !== null) {
      pod = podHere;
      podDepth = depth;
      containerId = null;
      continue;
    }
    const below = depth === podDepth + 1 && pod !== null ? "pod" : segments[depth - 1];
    const idHere = containerAt(segment, below);
    if (idHere !== null) {
      containerId = idHere;
      containerDepth = depth;
    }
  }
  const last = segments.length - 1;
  const kind =
    containerId !== null && containerDepth === last ? "container" : podDepth === last ? "pod" : "other";
  return {
    kind: last < 0 ? "other" : kind,
    podUid: pod?.uid ?? null,
    containerId,
    qos: pod?.qos ?? null,
  };
}

function podAt(segments: readonly string[], depth: number): Pod | null {
  const segment = segments[depth] ?? "";
  const slice = POD_SLICE.exec(segment);
  if (slice !== null) return { uid: slice[2]!.replaceAll("_", "-"), qos: qosOf(slice[1]) };
  const directory = POD_DIRECTORY.exec(segment);
  if (directory === null) return null;
  const parent = segments[depth - 1];
  if (parent === "kubepods") return { uid: directory[1]!, qos: "Guaranteed" };
  if (segments[depth - 2] !== "kubepods" || (parent !== "burstable" && parent !== "besteffort")) return null;
  return { uid: directory[1]!, qos: qosOf(parent) };
}

function containerAt(segment: string, below: string | undefined): string | null {
  const scope = CONTAINER_SCOPE.exec(segment);
  if (scope !== null) return scope[1]!;
  if (below !== "pod" && below !== "docker") return null;
  return CONTAINER_DIRECTORY.exec(segment)?.[1] ?? null;
}

function qosOf(name: string | undefined): Qos {
  if (name === "burstable") return "Burstable";
  if (name === "besteffort") return "BestEffort";
  return "Guaranteed";
}
