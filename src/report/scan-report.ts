import type { Policy } from "../config/config.ts";
import type { Identity } from "../discover/identity.ts";

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
  readonly policy: Policy;
  readonly state: ScanState;
  /** Whom this kernel's OOM killer would choose. */
  readonly kernelVictim: ScanVictim | null;
  /** Whom the guard would choose (the largest process of a container it would kill). */
  readonly guardVictim: ScanVictim | null;
}

/** The whole answer of `oom-guard scan --json`. */
export interface ScanReport {
  readonly version: 1;
  readonly node: {
    readonly name: string;
    readonly kernel: string;
    readonly cgroupVersion: 1 | 2;
    readonly cgroupMount: string;
    readonly memoryTotalBytes: number;
    readonly memoryAvailableBytes: number | null;
  };
  readonly cgroups: readonly ScanRow[];
}
