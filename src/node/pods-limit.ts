import { SysError } from "../../ffi/sys-error.ts";
import type { Hierarchy } from "../cgroup/hierarchy.ts";

/** kubelet's cgroup of all pods, by its two drivers' names (pkg/kubelet/cm); a cgroup root's name may come first. */
const ALL_PODS = /\/(?:kubepods|(?:[^/]+-)?kubepods\.slice)$/;

/**
 * The limit of the cgroup that all pods of the node are in; Infinity where it has none, null where there is no such
 * cgroup, or more than one (nodes in containers).
 */
export function podsLimitBytes(
  hierarchy: Pick<Hierarchy, "limitBytes">,
  cgroups: readonly string[],
): number | null {
  const [found, ...others] = cgroups.filter((cgroup) => ALL_PODS.test(cgroup));
  if (found === undefined || others.length > 0) return null;
  try {
    return hierarchy.limitBytes(found);
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
}
