import { readFileSync } from "node:fs";
import { OpenProcess } from "../proc/process.ts";

/** Where to look for a process. */
export interface Places {
  readonly procRoot: string;
  readonly mount: string;
  readonly hierarchy: 1 | 2;
  readonly cgroups: Iterable<string>;
}

/**
 * The cgroup of a process that was killed a moment ago, where the kernel's log does not tell it. On v1 /proc forgets it
 * as soon as the process begins to exit, but until its memory is free the cgroup lists it.
 * @returns null when it is too late, or another process has the pid
 */
export function locate(
  pid: number,
  comm: string,
  { procRoot, mount, hierarchy, cgroups }: Places,
): string | null {
  const process = OpenProcess.open(procRoot, pid);
  if (process === null) return null;
  const isIt = process.comm() === comm;
  const told = isIt ? process.cgroupPath(hierarchy) : null;
  process.close();
  if (!isIt || (told !== null && told !== "/")) return told;
  for (const cgroup of cgroups) if (pidsIn(`${mount}${cgroup}`).includes(String(pid))) return cgroup;
  return null;
}

function pidsIn(directory: string): string[] {
  try {
    return readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n");
  } catch {
    // Removed meanwhile.
    return [];
  }
}
