import { writeSync } from "node:fs";
import { printable } from "../report/text.ts";

/** Says something in one line on standard error. */
export function warn(message: string): void {
  try {
    writeSync(2, `oom-guard: ${printable(message)}\n`);
  } catch {
    // Standard error is closed or full: there is nobody to tell; an exit code still does.
  }
}

/**
 * Writes to standard output and waits until it is taken. A reader that went away (`| head`) is no failure: the rest
 * is not wanted.
 * @returns false when nobody reads any more, so that a long-running command can stop
 */
export async function writeOut(text: string): Promise<boolean> {
  try {
    await Bun.write(Bun.stdout, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return false;
    throw error;
  }
}
