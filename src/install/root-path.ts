import { readlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Where a path of the system below `root` really is, as that system itself would see it: an absolute link leads to
 * somewhere below `root`, ".." does not lead out of it. Nothing of it needs to exist. The last name is not followed: a
 * link there is replaced or removed, not what it points to.
 * @throws Error where links go round in circles
 */
export function pathInRoot(root: string, path: string): string {
  if (root === "/") return path;
  let links = 0;
  let at = "/";
  const names = path.split("/").filter((name) => name !== "");
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const target = names.length === 0 ? null : linkTarget(join(root, next));
    if (target === null) {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new Error(`${join(root, path)}: too many symbolic links`);
    if (target.startsWith("/")) at = "/";
    names.unshift(...target.split("/").filter((it) => it !== ""));
  }
  return join(root, at);
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // No link, or nothing at all: whoever uses the path will see what is wrong with it.
    return null;
  }
}
