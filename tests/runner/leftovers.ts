import { readdirSync, readFileSync } from "node:fs";
import { alive, signal } from "../support/processes.ts";

/** Every process that a test file starts inherits this variable: that is how strays are told from other people's. */
export const MARK = "OOM_GUARD_TEST_FILE";

const GRACE_MS = 2000;

/**
 * Ends what a test file left running. Those that are just going get a moment to do so.
 * @returns the names of those that had to be killed
 */
export async function endLeftovers(mark: string): Promise<string[]> {
  const until = performance.now() + GRACE_MS;
  let left = marked(mark);
  while (left.length > 0 && performance.now() < until) {
    await Bun.sleep(20);
    left = left.filter(alive);
  }
  const names = left.map((pid) => `${nameOf(pid)} (pid ${pid})`);
  await killMarked(mark);
  return names;
}

/** SIGKILLs everything with the mark, what it forks meanwhile included. */
export async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const pids = marked(mark);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, "SIGKILL");
    await Bun.sleep(20);
  }
}

function marked(mark: string): number[] {
  const wanted = `${MARK}=${mark}`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && alive(pid) && environmentOf(pid).includes(wanted));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // Gone, or somebody else's.
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "?";
  }
}
