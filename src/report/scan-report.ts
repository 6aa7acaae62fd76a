import type { Policy } from "../config/config.ts";
import type { Identity } from "../discover/identity.ts";
import type { Allocatable } from "../node/allocatable.ts";
import type { Overcommit } from "../node/overcommit.ts";

/** A process that would die. */
export interface ScanVictim {
  readonly pid: number;
  readonly comm: string;
}

/** ok, near (within two margins of the limit), over (at or above the threshold). */
export type ScanState = "ok" | "near" | "over";

/** One limited cgroup, as `scan --json` shows it. Facts that are absent are null. */
export interface ScanRow extends Omit<Identity, "podUid"> {
  /** Relative to the mount. */
  readonly cgroup: string;
  /** What the pod's spec asks for; for a pod what Kubernetes computes of it, null when one of its containers has none. */
  readonly requestBytes: number | null;
  /** The limit in the pod's spec, likewise; `limitBytes` is the one in force. */
  readonly specLimitBytes: number | null;
  readonly limitBytes: number;
  readonly usageBytes: number;
  readonly reclaimableBytes: number;
  readonly anonBytes: number;
  readonly marginBytes: number;
  readonly thresholdBytes: number;
  readonly headroomBytes: number;
  /** Usage without inactive file cache, as kubelet counts it. */
  readonly workingSetBytes: number;
  /** How much more than it asks for it may use; null where it asks for nothing, or nobody told. */
  readonly overcommitBytes: number | null;
  /** How much of what it asks for it does not use; likewise. */
  readonly wasteBytes: number | null;
  readonly policy: Policy;
  readonly state: ScanState;
  /** Whom this kernel's OOM killer would choose. */
  readonly kernelVictim: ScanVictim | null;
  /** Whom the guard would choose (the largest process of a container it would kill). */
  readonly guardVictim: ScanVictim | null;
}

/** What this node's pods ask for and may use in all, as the scheduler counts them; null: nobody told. */
export interface PodSums {
  readonly requestsBytes: number | null;
  /** Of what has a limit. */
  readonly limitsBytes: number | null;
  /** Pods that may use all there is. */
  readonly podsWithoutLimit: number | null;
}

/** The node, as `scan --json` shows it. Facts that are absent are null. */
export interface ScanNode extends Allocatable, PodSums {
  readonly name: string;
  readonly kernel: string;
  readonly cgroupVersion: 1 | 2;
  readonly cgroupMount: string;
  readonly memoryTotalBytes: number;
  /** kubelet's `memory.available`. */
  readonly memoryAvailableBytes: number | null;
  /** Linux's MemAvailable. */
  readonly linuxMemAvailableBytes: number | null;
  /** Of everything on the node. */
  readonly workingSetBytes: number | null;
  /** kubelet evicts below so much of `memoryAvailableBytes`; null also where it has no such threshold. */
  readonly evictionThresholdBytes: number | null;
  /** How far it is from there; negative below it. */
  readonly distanceToEvictionBytes: number | null;
  readonly overcommit: Overcommit;
}

/** A pod of this node, whether it has a limit or not. */
export interface ScanPod {
  readonly namespace: string;
  readonly pod: string;
  /** As the scheduler counts it. */
  readonly requestBytes: number;
  /** Null where it has none. */
  readonly limitBytes: number | null;
  /** Null where its cgroup is not to be found. */
  readonly workingSetBytes: number | null;
  /** Limit less request; null without a limit. */
  readonly overcommitBytes: number | null;
  /** Request less working set. */
  readonly wasteBytes: number | null;
}

/** The whole answer of `oom-guard scan --json`. */
export interface ScanReport {
  readonly version: 1;
  readonly node: ScanNode;
  readonly cgroups: readonly ScanRow[];
  /** Null where the API server did not tell. */
  readonly pods: readonly ScanPod[] | null;
}
