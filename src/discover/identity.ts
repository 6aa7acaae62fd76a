/** What a memory cgroup stands for. `other`: limited, but neither a pod nor a container we recognise. */
export type CgroupKind = "container" | "pod" | "sandbox" | "other";

/** Kubernetes quality-of-service class, as far as the cgroup path or the API tells. */
export type Qos = "Guaranteed" | "Burstable" | "BestEffort";

/**
 * Whose cgroup it is. Every field that is not known is null, never guessed.
 * The strings come from labels that any user of the cluster may set: print them through `report/text.ts` only.
 */
export interface Identity {
  readonly kind: CgroupKind;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly podUid: string | null;
  readonly container: string | null;
  readonly containerId: string | null;
  readonly qos: Qos | null;
}
