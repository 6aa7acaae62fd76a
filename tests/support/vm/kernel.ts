import { readFileSync } from "node:fs";

/** A counter of /proc/vmstat. */
export function vmstat(name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync("/proc/vmstat", "utf8"))?.[1]);
}

/** What the kernel's OOM killer has shot on this machine since it was booted, in whatever cgroup. */
export function kernelOomKills(): number {
  return vmstat("oom_kill");
}

/**
 * What the kernel's OOM killer has shot since its counter was `before`, as its log tells it: `[]` if nobody. Which cgroup
 * it was in says whether the guard lost a race, or the whole machine was short.
 */
export function kernelOomKillsSince(before: number): string[] {
  const kills = kernelOomKills() - before;
  if (kills === 0) return [];
  const told = Bun.spawnSync(["dmesg"])
    .stdout.toString()
    .split("\n")
    .filter((line) => line.includes("oom-kill:"));
  return Array.from({ length: kills }, (_, i) => told.at(i - kills) ?? "a kill its log does not tell");
}

/** A field of /proc/meminfo, in bytes. */
export function meminfoBytes(name: string): number {
  return (
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024
  );
}
