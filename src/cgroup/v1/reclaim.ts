import { existsSync } from "node:fs";
import type { ReclaimOutcome } from "../hierarchy.ts";

// The child reports EBUSY by this code: before about 3.16 the kernel refuses while the cgroup has tasks.
const BUSY = 16;
const script = 'exec 2>&1; error=$(echo 0 >"$1") || case $error in *[Bb]usy*) exit 16;; *) exit 1;; esac';

/**
 * Drops the cgroup's page cache by writing memory.force_empty. The write blocks in the kernel until the cgroup is as
 * empty as it gets, for ever when the container keeps reading files, and only a signal ends it: so a child process
 * makes the write and is killed when its time is up.
 */
export async function forceEmpty(directory: string, budgetMs: number): Promise<ReclaimOutcome> {
  const file = `${directory}/memory.force_empty`;
  if (!existsSync(file)) return "failed";
  const child = Bun.spawn({
    cmd: ["/bin/sh", "-c", script, "sh", file],
    stdio: ["ignore", "ignore", "ignore"],
    // The shell's word for EBUSY is compared.
    env: { LC_ALL: "C" },
    timeout: Math.ceil(budgetMs),
    killSignal: "SIGKILL",
  });
  const code = await child.exited;
  if (code === 0) return "done";
  if (child.signalCode !== null) return "cut-off";
  return code === BUSY ? "busy" : "failed";
}
