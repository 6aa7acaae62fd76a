import { readFileSync } from "node:fs";

/** What the kernel appends, on v2 only, to the path of a cgroup that was removed while the process was in it. */
const DELETED = " (deleted)";

/**
 * The memory cgroup of a process, out of the text of its /proc/PID/cgroup.
 *
 * Lines are `ID:CONTROLLERS:PATH`; the path may hold any byte but a newline, colons included.
 * @param hierarchy 1: the line whose controllers include `memory`; 2: the line of the unified hierarchy, `0::`.
 * @returns the path relative to the mount, or null when there is no such line.
 */
export function parseCgroupPath(text: string, hierarchy: 1 | 2): string | null {
  for (const line of text.split("\n")) {
    const afterId = line.indexOf(":");
    const afterControllers = line.indexOf(":", afterId + 1);
    if (afterId < 0 || afterControllers < 0) continue;
    const controllers = line.slice(afterId + 1, afterControllers);
    const path = line.slice(afterControllers + 1);
    if (!path.startsWith("/")) continue;
    if (hierarchy === 1 && controllers.split(",").includes("memory")) return path;
    if (hierarchy === 2 && controllers === "" && line.slice(0, afterId) === "0") {
      return path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
    }
  }
  return null;
}

/**
 * Reads the memory cgroup of a process below a proc root (`/proc`).
 * @returns null when the process is gone, may not be read, or tells nothing usable: the kernel writes `/` for a
 *   process that is exiting (v1), and `/..` for one outside this process's cgroup namespace.
 */
export function readCgroupPath(procRoot: string, pid: number, hierarchy: 1 | 2): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  let text: string;
  try {
    text = readFileSync(`${procRoot}/${pid}/cgroup`, "utf8");
  } catch {
    return null;
  }
  const path = parseCgroupPath(text, hierarchy);
  if (path === null || path === "/" || path === "/.." || path.startsWith("/../")) return null;
  return path;
}

/** Whether a cgroup is another one or lies below it. */
export function isWithin(cgroup: string, ancestor: string): boolean {
  return cgroup === ancestor || ancestor === "/" || cgroup.startsWith(`${ancestor}/`);
}
