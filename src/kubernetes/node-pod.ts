import type { Qos } from "../discover/identity.ts";

/** When a container runs: before the others until it ends; with them; for a while, started by hand. */
export type ContainerKind = "init" | "app" | "ephemeral";

/** One container of a pod, as the API server knows it. */
export interface NodeContainer {
  readonly name: string;
  /** A sidecar (an init container that is always restarted) is an `app`: it runs beside the others. */
  readonly kind: ContainerKind;
  /** Its ids without the runtime's prefix (`docker://`), the present one and those of ended runs still in the status. */
  readonly containerIds: readonly string[];
  /** What it asks for and what it is limited to; null where the pod does not say. */
  readonly requestBytes: number | null;
  readonly limitBytes: number | null;
}

/** A pod of this node. */
export interface NodePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /**
   * The uid that cgroup paths and labels carry: `uid`, but for a static pod the hash that kubelet made
   * (annotation kubernetes.io/config.mirror), under which `kubectl describe` looks for its Events too.
   */
  readonly nodeUid: string;
  readonly qos: Qos | null;
  /** It has run to its end, and holds nothing any more. */
  readonly hasEnded: boolean;
  /** What running it takes beside its containers (a RuntimeClass's overhead). */
  readonly overheadBytes: number;
  /** What the pod asks for and is limited to as a whole (pod-level resources); null where only its containers say. */
  readonly requestBytes: number | null;
  readonly limitBytes: number | null;
  /** Init containers and sidecars in the order in which they start, then app, then ephemeral containers. */
  readonly containers: readonly NodeContainer[];
}
