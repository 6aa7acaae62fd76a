import { accessSync, constants, readFileSync, realpathSync } from "node:fs";
import { fileSystemOf } from "../discover/mount.ts";
import { type Finding, ok, warn } from "./check.ts";
import { nearestExisting } from "./existing.ts";

/**
 * Can the sentinel note an incident before the SIGKILL, without waiting for a disk?
 * @param directory of the black box @param procRoot usually "/proc"
 */
export function checkBlackBox(directory: string, procRoot: string): Finding {
  const existing = realpathSync(nearestExisting(directory));
  const fix = "mount a tmpfs at /run";
  try {
    accessSync(existing, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return warn(
      `${existing} cannot be written (${code}): the state directory has to do, a kill may wait for a disk`,
      fix,
    );
  }
  const type = fileSystemOf(existing, readFileSync(`${procRoot}/self/mounts`, "utf8"));
  if (type === "tmpfs" || type === "ramfs") return ok(`${directory}, in memory (${type})`);
  return warn(`${directory} is on ${type ?? "an unknown file system"}: a kill may wait for a disk`, fix);
}
