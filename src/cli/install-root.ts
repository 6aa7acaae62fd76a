import { realpathSync, statSync } from "node:fs";
import { printable } from "../report/text.ts";
import { exitCode, UserError } from "./exit.ts";

/**
 * The directory that `install` and `uninstall` work below: "/" without `--root`.
 * @throws UserError where there is no such directory, or for a live system without root
 */
export function installRoot(command: string, root: string | null): string {
  if (root === null) {
    if (process.geteuid?.() === 0) return "/";
    throw new UserError(
      `${command} must be started as root, or with --root DIR for a directory of your own`,
      exitCode.failed,
    );
  }
  try {
    const real = realpathSync(root);
    if (statSync(real).isDirectory()) return real;
  } catch {
    // Said below: there is nothing to install into either way.
  }
  throw new UserError(`--root=${printable(root, 300)}: must be a directory that exists`, exitCode.usage);
}
