import { existsSync, readFileSync } from "node:fs";
import { findMemoryMount, type MemoryMount } from "./mount.ts";

/** Where the memory controller is, or what is wrong and what would mend it. */
export type LocatedMemory =
  | { readonly ok: true; readonly mount: MemoryMount }
  | { readonly ok: false; readonly problem: string; readonly fix: string };

/**
 * Finds the memory hierarchy that the guard works on.
 * @param cgroupMount `cgroup_mount` of the configuration: "auto" or a directory
 * @param procRoot usually "/proc"
 */
export function locateMemory(cgroupMount: string, procRoot: string): LocatedMemory {
  const fix = 'set cgroup_mount to where the memory controller is mounted, or to "auto"';
  if (cgroupMount !== "auto") {
    const version = versionAt(cgroupMount);
    if (version === null) {
      const problem = `cgroup_mount ${cgroupMount} is not the root of a cgroup hierarchy: it has neither memory.usage_in_bytes (v1) nor cgroup.controllers (v2)`;
      return { ok: false, problem, fix };
    }
    return checked({ version, path: cgroupMount }, fix);
  }
  const found = findMemoryMount(readFileSync(`${procRoot}/self/mounts`, "utf8"));
  return found === null
    ? {
        ok: false,
        problem: "no memory cgroup is mounted",
        fix: "mount -t cgroup2 none /sys/fs/cgroup, or name the mount with cgroup_mount",
      }
    : checked(found, "take cgroup_disable=memory off the kernel command line and reboot");
}

function versionAt(directory: string): 1 | 2 | null {
  if (existsSync(`${directory}/memory.usage_in_bytes`)) return 1;
  return existsSync(`${directory}/cgroup.controllers`) ? 2 : null;
}

/** A unified hierarchy need not have the memory controller: on a hybrid node the v1 hierarchy has it. */
function checked(mount: MemoryMount, fix: string): LocatedMemory {
  if (mount.version === 1) return { ok: true, mount };
  const file = `${mount.path}/cgroup.controllers`;
  const controllers = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  if (controllers.includes("memory")) return { ok: true, mount };
  return {
    ok: false,
    problem: `the cgroup v2 hierarchy at ${mount.path} has no memory controller`,
    fix,
  };
}
