import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";

const prefix = "oom-guard-calibration-";

/**
 * Makes a memory cgroup of this process's own, directly below the mount and without a limit, to try the kernel out.
 * Whoever asked for it removes it.
 * @param procRoot usually "/proc"
 * @returns its path relative to the mount @throws what node:fs throws
 */
export function makeScratch(mount: string, procRoot: string): string {
  removeLeftovers(mount, procRoot);
  const cgroup = `/${prefix}${process.pid}`;
  mkdirSync(`${mount}${cgroup}`);
  return cgroup;
}

/** A process that was killed in the middle left its scratch cgroup behind, empty by now. */
function removeLeftovers(mount: string, procRoot: string): void {
  for (const name of readdirSync(mount)) {
    if (!name.startsWith(prefix)) continue;
    const pid = name.slice(prefix.length);
    // Another one is trying the kernel out right now, and may not be in it yet, or any more.
    if (pid !== `${process.pid}` && existsSync(`${procRoot}/${pid}`)) continue;
    try {
      rmdirSync(`${mount}/${name}`);
    } catch {
      // Another one has removed it, or somebody has put a process into it.
    }
  }
}
