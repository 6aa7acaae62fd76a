import { readFileSync } from "node:fs";
import { close, openDirectory } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { OpenProcess } from "../proc/process.ts";

// Of start times in /proc, on every architecture (USER_HZ).
const TICKS_PER_SECOND = 100;

/**
 * Does something in a container live on that was there before? One that Docker has restarted has the same cgroup, and
 * younger processes.
 * @param cgroup the container's, as a directory
 * @param dead processes that do not count
 * @param agoMs what started later than that does not count
 */
export function hasSurvivors(
  cgroup: string,
  procRoot: string,
  dead: ReadonlySet<number>,
  agoMs: number,
): boolean {
  const directoryFd = openDirectory(cString(cgroup));
  if (directoryFd < 0) return false;
  const pids = pidsBelow(directoryFd);
  close(directoryFd);
  const [uptime = 0] = readFileSync(`${procRoot}/uptime`, "utf8").split(" ").map(Number);
  const beforeTicks = (uptime - agoMs / 1000) * TICKS_PER_SECOND;
  return pids.some((pid) => !dead.has(pid) && wasThere(procRoot, pid, beforeTicks));
}

function wasThere(procRoot: string, pid: number, beforeTicks: number): boolean {
  const process = OpenProcess.open(procRoot, pid);
  const startTicks = process?.startTicks() ?? 0;
  // A zombie has nothing to live on with.
  const isAlive = process?.isExiting() ?? false;
  process?.close();
  return isAlive && startTicks > 0 && startTicks <= beforeTicks;
}
