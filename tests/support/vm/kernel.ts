import { readFileSync } from "node:fs";

/** A counter of /proc/vmstat. */
export function vmstat(name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync("/proc/vmstat", "utf8"))?.[1]);
}

/** What the kernel's OOM killer has shot on this machine since it was booted, in whatever cgroup. */
export function kernelOomKills(): number {
  return vmstat("oom_kill");
}

/** A field of /proc/meminfo, in bytes. */
export function meminfoBytes(name: string): number {
  return (
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024
  );
}
