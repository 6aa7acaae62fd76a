import { type Finding, ok, warn } from "./check.ts";
import type { Guarded } from "./guarded.ts";

/** Is there anything to guard? @param roots `cgroup_roots` of the configuration */
export function checkRoots(
  { presentRoots, cgroupCount, limited, uncovered }: Guarded,
  roots: readonly string[],
): Finding {
  if (presentRoots.length === 0) {
    return warn(
      `nothing to guard yet: none of ${roots.join(" ")} exists`,
      "start kubelet or Docker, or set cgroup_roots to where the containers are",
    );
  }
  const found = `${cgroupCount} cgroups below ${presentRoots.join(" ")}, ${limited.length} with a limit`;
  const [first] = uncovered;
  if (first === undefined) return ok(found);
  const pods = uncovered.length === 1 ? "1 pod is" : `${uncovered.length} pods are`;
  return warn(
    `${found}; ${pods} not guarded, only what is inside: memory.use_hierarchy is 0, as in ${first}`,
    "write 1 to memory.use_hierarchy of the roots before anything is below them",
  );
}
