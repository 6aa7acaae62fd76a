import type { Identity } from "../discover/identity.ts";
import type { KernelKill } from "../kernel-log/kernel-kill.ts";
import type { OomScope } from "../record/incident.ts";

/** Who a cgroup belongs to, as far as the scope goes. */
type Owner = Pick<Identity, "podUid" | "containerId" | "kind">;

/**
 * Whose memory ran out: whose limit the kernel found reached, or the node's. A limit above pods and containers
 * (/kubepods, a QoS class, /docker) counts as the node's: no pod's owner can mend it. A cgroup that is none of these
 * stands for itself, as a container does.
 * @param limit whose the cgroup is whose limit was reached; null: not told
 * @param victim whose the victim was; null: not told
 * @returns null where the kernel did not tell
 */
export function scopeOf(
  { shortage }: Pick<KernelKill, "shortage">,
  limit: Owner | null,
  victim: Owner | null,
): OomScope | null {
  if (shortage === "node") return "node";
  if (limit === null) return null;
  if (limit.kind === "container" || limit.kind === "sandbox" || limit.containerId !== null)
    return "container";
  if (limit.kind === "pod" || limit.podUid !== null) return "pod";
  const isAbove = victim !== null && (victim.podUid !== null || victim.containerId !== null);
  return isAbove ? "node" : "container";
}
