import { readFileSync } from "node:fs";
import { MIB } from "../cgroup.ts";
import { hierarchy } from "../hierarchy.ts";
import { startLeak } from "../leak.ts";
import { until } from "../until.ts";
import { kernelOomKills, meminfoBytes } from "./kernel.ts";

// The first victim gives 60M back: time to end the hog before the kernel needs a second one.
const HOG_MB_PER_S = 30;
/** What is used up slowly. */
const SLOWLY_MB = 400;
/** Arguments of a container whose main process goes on, and whose child is what the kernel takes first. */
export const CONTAINER_WITH_CHILD = ["sh", "-c", "leak - 60 rate=20 hold adj=1000 & exec sleep 100000"];

/** The child's pid, once it has its memory. */
export async function childOf(cgroup: string): Promise<number> {
  const pids = () =>
    readFileSync(`${hierarchy.mount}${cgroup}/cgroup.procs`, "utf8").trim().split("\n").map(Number);
  const rssMib = (pid: number) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  let child: number | undefined;
  await until("the child has its memory", () => {
    child = pids().find((pid) => rssMib(pid) >= 60);
    return child !== undefined;
  });
  return child!;
}

/** Uses up the machine's memory until its kernel kills somebody. @returns how many it killed */
export async function useUpTheNode(): Promise<number> {
  const before = kernelOomKills();
  const availableMb = () => Math.ceil(meminfoBytes("MemAvailable") / MIB);
  const hog = { adj: -990, hold: true };
  const most = await startLeak({ ...hog, megabytes: availableMb() - SLOWLY_MB });
  await until("the most is used up", () => availableMb() <= SLOWLY_MB + 50, 60_000);
  const rest = await startLeak({ ...hog, megabytes: SLOWLY_MB + 500, rateMbPerS: HOG_MB_PER_S });
  await until("the kernel kills", () => kernelOomKills() > before, 60_000);
  await Promise.all([most.kill(), rest.kill()]);
  return kernelOomKills() - before;
}
