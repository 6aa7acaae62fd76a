import { existsSync } from "node:fs";
import type { ReclaimOutcome } from "../hierarchy.ts";

/**
 * Drops the cgroup's page cache by writing memory.force_empty. The write blocks in the kernel until the cgroup is as
 * empty as it gets, for ever when the container keeps reading files, and only a signal ends it: so a child process
 * makes the write and is killed when its time is up. "refused" is EBUSY as a rule: before about 3.16 the kernel does
 * not do it while the cgroup has tasks (a shell does not tell which error it was).
 */
export async function forceEmpty(directory: string, budgetMs: number): Promise<ReclaimOutcome> {
  const file = `${directory}/memory.force_empty`;
  // Gone, with its cgroup: the shell would make a file of that name.
  if (!existsSync(file)) return "failed";
  const child = Bun.spawn({
    cmd: ["/bin/sh", "-c", 'echo 0 >"$1"', "sh", file],
    stdio: ["ignore", "ignore", "ignore"],
    // By default it is the one this process was started with, also what was taken out of process.env (Bun 1.4.5).
    env: {},
    timeout: Math.ceil(budgetMs),
    killSignal: "SIGKILL",
  });
  const code = await child.exited;
  if (code === 0) return "done";
  return child.signalCode === null ? "refused" : "cut-off";
}
