import type { Policy } from "../config/config.ts";
import type { BadnessTerms } from "../decide/badness.ts";
import type { KernelGeneration } from "../decide/kernel-generation.ts";
import type { Identity } from "../discover/identity.ts";

/** One process with every term of the kernel's sum. */
export interface ExplainedProcess {
  readonly pid: number;
  readonly comm: string;
  /** The cgroup it is in, relative to the mount. */
  readonly cgroup: string;
  readonly rssBytes: number;
  readonly swapBytes: number;
  readonly pageTableBytes: number;
  readonly oomScoreAdj: number;
  /** Their sum is `badness`, but for a kernel that makes a 1 of what is below. */
  readonly terms: BadnessTerms;
  /** null: never chosen (oom_score_adj -1000). */
  readonly badness: number | null;
  /** It is what holds a pod together, and is never killed by the guard. */
  readonly isSandbox: boolean;
}

/** Somebody who would die. */
export interface ExplainedVictim {
  readonly pid: number;
  readonly comm: string;
}

/** The whole answer of `oom-guard explain --json`. */
export interface ExplainReport extends Omit<Identity, "podUid"> {
  readonly version: 1;
  readonly cgroup: string;
  /** The cgroup that was asked about: `cgroup` itself, or one below it that has no limit of its own. */
  readonly askedCgroup: string;
  readonly limitBytes: number;
  readonly thresholdBytes: number;
  readonly usageBytes: number;
  readonly reclaimableBytes: number;
  readonly policy: Policy;
  /** Tasks wait at the limit, and the kernel kills nobody (cgroup v1: memory.oom_control). */
  readonly held: boolean;
  /** The size oom_score_adj is measured against, in pages of `pageBytes`. */
  readonly totalPages: number;
  readonly pageBytes: number;
  /** How this kernel counts. */
  readonly kernel: KernelGeneration;
  /** Worst first. */
  readonly processes: readonly ExplainedProcess[];
  readonly kernelVictim: ExplainedVictim | null;
  /** Why; one sentence, as in the two reasons below. */
  readonly kernelReason: string;
  /**
   * The cgroup that the kernel takes whole with its victim (memory.oom.group, cgroup v2; kubelet sets it), but for
   * processes at -1000; null: the victim dies alone.
   */
  readonly kernelKillsCgroup: string | null;
  /** Whom a 3.10 kernel (CentOS 7) would choose: it made every result below 1 a 1, and killed a child before its parent. */
  readonly oldKernelVictim: ExplainedVictim | null;
  readonly oldKernelReason: string;
  readonly guardVictim: ExplainedVictim | null;
  readonly guardReason: string;
  /** The cgroup the guard would kill whole; null under `process`, or when there is nobody. */
  readonly guardCgroup: string | null;
  /** What the guard would do at this moment, and why; one sentence. */
  readonly now: string;
}
