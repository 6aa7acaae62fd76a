import type { Policy } from "../config/config.ts";

export type IncidentKind = "kill" | "would-kill" | "kernel-oom" | "stuck";
/** Whose memory ran out when the kernel killed: a container's limit, a pod's, or the node's (all pods' limit included). */
export type OomScope = "container" | "pod" | "node";
export type Trigger = "threshold" | "pressure" | "poll" | "oom" | "kmsg" | "scan";

/** One process of an incident. What could not be read before the process died is null. */
export interface Victim {
  readonly pid: number;
  readonly comm: string | null;
  readonly rssBytes: number | null;
  readonly oomScoreAdj: number | null;
  /** The kernel's points: pages, plus oom_score_adj scaled by the limit. */
  readonly badness: number | null;
}

/** What became of the Kubernetes Event of an incident. */
export interface IncidentEvent {
  /** pending: it will be sent. off: there is none, and `reason` says why. */
  readonly state: "sent" | "pending" | "off";
  /** How often it was tried to tell the API server. */
  readonly attempts: number;
  /** The Event that tells of the incident, also when that is not sent yet. */
  readonly name: string | null;
  readonly reason: string | null;
}

/** One thing that happened, as `history --json` shows it. Absent facts are null. */
export interface Incident {
  /**
   * Sortable by time, unique on the node: `<milliseconds>-<process start and pid>-<sequence>`, base 36. Of a kill that the
   * kernel's log told `<milliseconds>-<boot>-k<record>`, the same whoever reads it.
   */
  readonly id: string;
  /** Milliseconds since the epoch, UTC. */
  readonly timeMs: number;
  readonly kind: IncidentKind;
  readonly trigger: Trigger;
  readonly policy: Policy;
  /** Relative to the mount. The one over its threshold; where the kernel killed, the victim's. */
  readonly cgroup: string;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly podUid: string | null;
  readonly container: string | null;
  readonly containerId: string | null;
  readonly limitBytes: number | null;
  readonly thresholdBytes: number | null;
  readonly usageBytes: number | null;
  readonly reclaimableBytes: number | null;
  readonly victims: readonly Victim[];
  /** How many processes were signalled; `victims` may list fewer. */
  readonly victimCount: number;
  /** Whose memory ran out; null where the guard killed, and where the kernel did not tell. */
  readonly scope: OomScope | null;
  /** A kill by the kernel that the container outlived, so that Kubernetes does not tell of it; null where that is not known. */
  readonly silent: boolean | null;
  /** From the wake-up to the last SIGKILL. */
  readonly decideMicros: number | null;
  /** From the SIGKILL to the last victim's death; null while they live. */
  readonly deadMillis: number | null;
  readonly event: IncidentEvent;
}
