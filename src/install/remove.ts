import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/** Removes a file or a link, never a directory. @returns false: there was none @throws what node:fs throws */
export function removeFile(path: string): boolean {
  const old = lstatSync(path, { throwIfNoEntry: false });
  if (old === undefined) return false;
  if (old.isDirectory()) throw new Error(`${path} is a directory, and oom-guard made none there: look at it`);
  unlinkSync(path);
  return true;
}

/** What became of a directory. */
export type Emptied = "absent" | "removed" | "not-empty";

/**
 * Removes those files of a directory that `isOurs` knows by name, and the directory if nothing else is in it. It may
 * be any directory the user has configured, hence nothing is removed recursively, and through no link.
 * @throws what node:fs throws
 */
export function emptyDirectory(path: string, isOurs: (name: string) => boolean): Emptied {
  const old = lstatSync(path, { throwIfNoEntry: false });
  if (old === undefined) return "absent";
  if (!old.isDirectory()) return "not-empty";
  for (const name of readdirSync(path).filter(isOurs)) removeFile(join(path, name));
  if (readdirSync(path).length > 0) return "not-empty";
  rmdirSync(path);
  return "removed";
}
