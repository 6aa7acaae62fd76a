import { existsSync } from "node:fs";
import type { ReclaimOutcome } from "./hierarchy.ts";

/**
 * Makes a write that blocks in the kernel for as long as it reclaims. Only a signal ends it: so a child process makes it,
 * and is killed when its time is up. A shell does not tell which error a refusal was.
 */
export async function writeInChild(file: string, text: string, budgetMs: number): Promise<ReclaimOutcome> {
  // Gone, with its cgroup: the shell would make a file of that name.
  if (!existsSync(file)) return "failed";
  const child = Bun.spawn({
    cmd: ["/bin/sh", "-c", 'echo "$2" >"$1"', "sh", file, text],
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
