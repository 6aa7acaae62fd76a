import type { LocatedMemory } from "../discover/locate-memory.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { readText } from "./read-text.ts";

/**
 * Has this kernel a memory controller, and is it switched on? Where cgroup v2 is mounted its own files tell: a kernel
 * without CONFIG_MEMCG_V1 (Debian's 7.2) leaves memory out of /proc/cgroups.
 * @param located where the controller is, or what is wrong with it
 */
export function checkController(procRoot: string, located: LocatedMemory): Finding {
  if (located.ok && located.mount.version === 2) return checkUnified(located.mount.path);
  const off = /(?:^|\s)(cgroup_disable=\S*memory\S*)/.exec(readText(`${procRoot}/cmdline`) ?? "")?.[1];
  if (off !== undefined) {
    return fail(`the memory controller is off: ${off}`, `take ${off} off the kernel command line and reboot`);
  }
  const table = readText(`${procRoot}/cgroups`);
  if (table === null) {
    return fail("the kernel has no control groups", "use a kernel with CONFIG_CGROUPS and CONFIG_MEMCG");
  }
  // Name, hierarchy, number of cgroups, enabled.
  const [, count, enabled] = /^memory\s+\d+\s+(\d+)\s+(\d)/m.exec(table) ?? [];
  if (enabled === undefined) {
    return fail(
      "the kernel has no memory controller",
      "use a kernel with CONFIG_MEMCG (and CONFIG_MEMCG_V1, where cgroup v2 is not mounted)",
    );
  }
  if (enabled === "1") return ok(`the memory controller is on, ${count} cgroups`);
  return fail("the memory controller is off", "boot with cgroup_enable=memory on the kernel command line");
}

/** A controller reaches only the cgroups that the root passes it on to. */
function checkUnified(mount: string): Finding {
  const file = `${mount}/cgroup.subtree_control`;
  if (!passesMemoryOn(mount)) {
    return warn(
      `the memory controller is on, but only at the root: ${file} does not list memory`,
      `echo +memory >${file}; systemd does so for the first unit that accounts memory`,
    );
  }
  // Those of every controller, the root left out.
  const [, count] = /^nr_descendants (\d+)$/m.exec(readText(`${mount}/cgroup.stat`) ?? "") ?? [];
  return ok(`the memory controller is on${count === undefined ? "" : `, ${count} cgroups`}`);
}

/** Whether cgroups directly below the root of a cgroup v2 hierarchy have the memory controller. */
export function passesMemoryOn(mount: string): boolean {
  const listed = readText(`${mount}/cgroup.subtree_control`) ?? "";
  return listed.split(" ").includes("memory");
}
