import { join } from "node:path";
import { patient } from "../support/patience.ts";

/** What a finished process left. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = join(import.meta.dir, "../../src/main.ts");
const binary = process.env.OOM_GUARD_BIN;

/** The program's source as a command line. @param bunFlags for Bun itself */
export const source = (...bunFlags: string[]) => [process.execPath, ...bunFlags, main];

/** The program as a command line: the built one if OOM_GUARD_BIN names it, else its source. */
export const command: readonly string[] = binary === undefined ? source() : [binary];

/** Runs the program to its end. A process that hangs is killed, and fails the test by its exit code. */
export async function oomGuard(...args: string[]): Promise<Outcome> {
  const child = Bun.spawn([...command, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: patient(10_000),
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}
