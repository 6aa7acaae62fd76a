import type { KnownCgroup } from "../../arm/entry.ts";
import type { Identity } from "../../discover/identity.ts";
import type { Counter } from "../../record/incident-counts.ts";

/** What a cgroup uses, in bytes. */
export interface CgroupUsage {
  readonly usageBytes: number;
  /** Without inactive file cache, as kubelet counts it. */
  readonly workingSetBytes: number;
}

/** What the metrics tell of, each asked when they are read. */
export interface MetricSources {
  /** Every cgroup inside the roots, in the order in which they were found. */
  cgroups(): Iterable<KnownCgroup>;
  /** Read afresh; null: the cgroup is gone. */
  usageOf(cgroup: string): CgroupUsage | null;
  /** What the pod's spec asks for; null: it does not say, or nobody told. */
  requestBytes(identity: Identity): number | null;
  /** What the incidents of this node add up to. */
  counters(): readonly Counter[];
  forgetCounters(counters: readonly Counter[]): void;
  /** How often nobody was killed, by the reason's place in SKIP_REASONS. */
  readonly skips: Uint32Array;
  /** Asks the sentinel thread for a sign of life: false when none will ever come. */
  pingSentinel(): Promise<boolean>;
  /** Whether incidents can be stored. */
  isStoring(): boolean;
  /** Whether the kernel's log is read. */
  isKernelLogRead(): boolean;
  /** Events not sent yet, and when the oldest of what they tell happened; null: nobody knows. */
  outbox(): { readonly events: number; readonly oldestMs: number | null } | null;
  /** The node's memory as kubelet counts it; null where it cannot be known. */
  nodeMemory(): { readonly totalBytes: number | null; readonly availableBytes: number | null };
}
