/** Where the memory controller is mounted. */
export interface MemoryMount {
  readonly version: 1 | 2;
  readonly path: string;
}

/** The kernel writes blanks and backslashes in mount points as octal escapes (proc(5)). */
const unescapeOctal = (field: string) =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * What kind of file system a path is on ("tmpfs"), from the text of /proc/self/mounts; null where nothing is mounted.
 * @param path absolute, without symbolic links
 */
export function fileSystemOf(path: string, mounts: string): string | null {
  let longest = "";
  let found: string | null = null;
  for (const line of mounts.split("\n")) {
    const [, point, type] = line.split(" ");
    if (point === undefined || type === undefined) continue;
    const mount = unescapeOctal(point);
    const holds = mount === "/" || path === mount || path.startsWith(`${mount}/`);
    // Of two at the same place the later one hides the other.
    if (!holds || mount.length < longest.length) continue;
    longest = mount;
    found = type;
  }
  return found;
}

/**
 * Finds the memory controller in the text of /proc/self/mounts: the v1 hierarchy that has it, else the unified one.
 * On a hybrid node the v1 hierarchy has it.
 */
export function findMemoryMount(mounts: string): MemoryMount | null {
  let unified: MemoryMount | null = null;
  for (const line of mounts.split("\n")) {
    const [, path, type, options] = line.split(" ");
    if (path === undefined || options === undefined) continue;
    if (type === "cgroup" && options.split(",").includes("memory"))
      return { version: 1, path: unescapeOctal(path) };
    if (type === "cgroup2" && unified === null) unified = { version: 2, path: unescapeOctal(path) };
  }
  return unified;
}
