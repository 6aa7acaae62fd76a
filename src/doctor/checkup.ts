import { printable } from "../report/text.ts";
import { type Check, type Checked, type Finding, fail } from "./check.ts";

/** How a checkup goes. */
export interface CheckupOptions {
  /** For one check. */
  readonly timeoutMs: number;
  /** Told of each check when it is done. */
  readonly onChecked: (checked: Checked) => void | Promise<void>;
  /** Asked before each check: true ends the checkup there. */
  readonly isStopped: () => boolean;
}

/**
 * Does one check after the other, in the order given. What one of them throws, or that it does not end in time, is its
 * own failure; the others are done all the same. Never rejects, unless `onChecked` does.
 */
export async function checkup(checks: readonly Check[], options: CheckupOptions): Promise<Checked[]> {
  const done: Checked[] = [];
  for (const check of checks) {
    if (options.isStopped()) break;
    const { outcome, detail, fix } = await lookInTime(check, options.timeoutMs);
    const checked = {
      id: check.id,
      outcome,
      detail: printable(detail),
      fix: fix === null ? null : printable(fix),
    };
    done.push(checked);
    await options.onChecked(checked);
  }
  return done;
}

async function lookInTime(check: Check, timeoutMs: number): Promise<Finding> {
  const late = Promise.withResolvers<Finding>();
  const timer = setTimeout(() => {
    late.resolve(fail(`not known within ${timeoutMs / 1000} s`, "look at what it waits for, and try again"));
  }, timeoutMs);
  try {
    return await Promise.race([look(check), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function look(check: Check): Promise<Finding> {
  try {
    return await check.look();
  } catch (error) {
    return fail(`cannot be told: ${error instanceof Error ? error.message : String(error)}`, null);
  }
}
