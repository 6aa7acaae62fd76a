import { evictionThresholdBytes, MEMORY_AVAILABLE } from "./eviction-threshold.ts";
import type { KubeletArguments } from "./kubelet-arguments.ts";
import type { KubeletSettings } from "./kubelet-config.ts";

/** What kubelet does about the node's memory. */
export interface KubeletMemory {
  /** It evicts below so many bytes of `memory.available`; null: it has no such threshold. */
  readonly evictionThresholdBytes: number | null;
  /** Whether it limits the cgroup of all pods to what is allocatable and the eviction threshold. */
  readonly limitsPods: boolean;
}

/** That, or why it is not known, in a few words. */
export type KubeletAnswer =
  | { readonly ok: true; readonly value: KubeletMemory }
  | { readonly ok: false; readonly why: string };

/** What kubelet makes of its configuration and of its command line, which beats it. */
export function kubeletMemory(
  args: KubeletArguments,
  settings: KubeletSettings,
  capacityBytes: number,
): KubeletAnswer {
  const text = (args.evictionHard ?? settings.evictionHard)[MEMORY_AVAILABLE] ?? null;
  const thresholdBytes = text === null ? null : evictionThresholdBytes(text, capacityBytes);
  if (thresholdBytes === undefined) {
    return { ok: false, why: `kubelet's threshold for ${MEMORY_AVAILABLE} cannot be read` };
  }
  const enforced = args.enforceNodeAllocatable ?? settings.enforceNodeAllocatable;
  return {
    ok: true,
    value: { evictionThresholdBytes: thresholdBytes, limitsPods: enforced.includes("pods") },
  };
}
