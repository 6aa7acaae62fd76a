import { existsSync, readFileSync } from "node:fs";
import { findMemoryMount } from "./mount.ts";

/** The directory of the cgroup v1 memory controller, or what is wrong and what would mend it. */
export type LocatedMemory =
  | { readonly ok: true; readonly mount: string }
  | { readonly ok: false; readonly problem: string; readonly fix: string };

/**
 * Finds the memory hierarchy that the guard works on.
 * @param cgroupMount `cgroup_mount` of the configuration: "auto" or a directory
 * @param procRoot usually "/proc"
 */
export function locateMemory(cgroupMount: string, procRoot: string): LocatedMemory {
  if (cgroupMount !== "auto") {
    if (existsSync(`${cgroupMount}/memory.usage_in_bytes`)) return { ok: true, mount: cgroupMount };
    return {
      ok: false,
      problem: `cgroup_mount ${cgroupMount} is not a cgroup v1 memory hierarchy, it has no memory.usage_in_bytes`,
      fix: 'set cgroup_mount to where the memory controller is mounted, or to "auto"',
    };
  }
  const found = findMemoryMount(readFileSync(`${procRoot}/self/mounts`, "utf8"));
  if (found?.version === 1) return { ok: true, mount: found.path };
  return {
    ok: false,
    problem:
      found === null
        ? "no memory cgroup is mounted"
        : "only cgroup v2 is mounted, which this version does not guard yet",
    fix: "boot with systemd.unified_cgroup_hierarchy=0, or name the mount with cgroup_mount",
  };
}
