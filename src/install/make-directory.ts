import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory for the guard's own use (mode 0700), and those above it for everybody (0755, whatever the umask:
 * 077 would hide them). One that is there, or a link, stays as it is.
 * @throws what node:fs throws
 */
export function makePrivateDirectory(path: string): "installed" | "unchanged" {
  if (isThere(path)) return "unchanged";
  makeDirectory(dirname(path));
  return mkdirSync(path, { recursive: true, mode: 0o700 }) === undefined ? "unchanged" : "installed";
}

/** Like mkdir -p with mode 0755. @throws what node:fs throws */
export function makeDirectory(path: string): void {
  if (isThere(path)) return;
  makeDirectory(dirname(path));
  // recursive: another install that runs right now may have made it meanwhile.
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
