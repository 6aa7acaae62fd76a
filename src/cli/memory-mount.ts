import { existsSync, readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { findMemoryMount } from "../discover/mount.ts";
import { exitCode, UserError } from "./exit.ts";

/** The directory of the cgroup v1 memory controller. @throws UserError where there is none */
export function memoryMount(config: Config): string {
  if (config.cgroupMount === "auto") {
    const found = findMemoryMount(readFileSync("/proc/self/mounts", "utf8"));
    if (found?.version === 1) return found.path;
    const what =
      found === null
        ? "no memory cgroup is mounted"
        : "only cgroup v2 is mounted, which this version does not guard yet";
    throw new UserError(
      `${what}: boot with systemd.unified_cgroup_hierarchy=0, or name the mount with cgroup_mount`,
      exitCode.failed,
    );
  }
  if (existsSync(`${config.cgroupMount}/memory.usage_in_bytes`)) return config.cgroupMount;
  throw new UserError(
    `cgroup_mount ${config.cgroupMount} is not a cgroup v1 memory hierarchy: it has no memory.usage_in_bytes`,
    exitCode.failed,
  );
}
