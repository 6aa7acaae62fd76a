import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";

const MOUNT = "/sys/fs/cgroup";

/** The mounts of all v1 hierarchies, or the unified one's. */
export function hierarchies(): string[] {
  if (existsSync(join(MOUNT, "cgroup.controllers"))) return [MOUNT];
  return readdirSync(MOUNT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(MOUNT, entry.name));
}

/** Remembers cgroups a test is about to make, and removes just those, with the parents that came with them. */
export class CgroupDirs {
  readonly #tops = new Set<string>();

  /** Call before the cgroup is made. */
  note(path: string): void {
    for (const hierarchy of hierarchies()) {
      let top = join(hierarchy, path);
      if (existsSync(top)) continue;
      while (!existsSync(dirname(top))) top = dirname(top);
      this.#tops.add(top);
    }
  }

  /** Removes them; true when none is left. Those that still hold processes stay, for another try. */
  remove(): boolean {
    for (const top of this.#tops) if (!existsSync(top) || removeTree(top)) this.#tops.delete(top);
    return this.#tops.size === 0;
  }
}

function removeTree(directory: string): boolean {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  }
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
