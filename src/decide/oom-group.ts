import { isWithin } from "../proc/cgroup-path.ts";

/**
 * The cgroup that the kernel's OOM killer takes whole once it has chosen a victim: the topmost one that dies as one
 * between the victim's cgroup and the one that is out of memory, both included (mem_cgroup_get_oom_group(),
 * mm/memcontrol.c). Processes with oom_score_adj -1000 live on.
 * @param victimCgroup where the victim is: the cgroup out of memory, or below it
 * @param diesAsOne memory.oom.group of a cgroup
 * @returns null: the victim dies alone, or is not there any more
 */
export function oomGroup(
  victimCgroup: string,
  outOfMemory: string,
  diesAsOne: (cgroup: string) => boolean,
): string | null {
  let topmost: string | null = null;
  for (let cgroup = victimCgroup; cgroup !== "" && isWithin(cgroup, outOfMemory); cgroup = parentOf(cgroup)) {
    if (diesAsOne(cgroup)) topmost = cgroup;
  }
  return topmost;
}

const parentOf = (cgroup: string) => cgroup.slice(0, cgroup.lastIndexOf("/"));
