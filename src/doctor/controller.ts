import { type Finding, fail, ok } from "./check.ts";
import { readText } from "./read-text.ts";

/** Has this kernel a memory controller, and is it switched on? (/proc/cgroups) */
export function checkController(procRoot: string): Finding {
  const table = readText(`${procRoot}/cgroups`);
  if (table === null) {
    return fail("the kernel has no control groups", "use a kernel with CONFIG_CGROUPS and CONFIG_MEMCG");
  }
  // Name, hierarchy, number of cgroups, enabled.
  const [, count, enabled] = /^memory\s+\d+\s+(\d+)\s+(\d)/m.exec(table) ?? [];
  if (enabled === undefined) {
    return fail(
      "the kernel has no memory controller",
      "use a kernel with CONFIG_MEMCG (and CONFIG_MEMCG_V1)",
    );
  }
  if (enabled === "1") return ok(`the memory controller is on, ${count} cgroups`);
  const commandLine = readText(`${procRoot}/cmdline`) ?? "";
  const off = /(?:^|\s)(cgroup_disable=\S*memory\S*)/.exec(commandLine)?.[1];
  return off === undefined
    ? fail("the memory controller is off", "boot with cgroup_enable=memory on the kernel command line")
    : fail(`the memory controller is off: ${off}`, `take ${off} off the kernel command line and reboot`);
}
