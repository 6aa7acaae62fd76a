/**
 * The kernel cuts what it prints at once after some 970 to 1020 bytes (LOG_LINE_MAX, another one in each version), a path in
 * the middle of a line too. One that long may be the path of another cgroup, cut.
 */
const SURE_BYTES = 900;

/** Whether a text is shorter than what the kernel cuts. */
export function isUncut(text: string): boolean {
  return Buffer.byteLength(text) < SURE_BYTES;
}

/** Whether a cgroup is another one, or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(ancestor === "/" ? "/" : `${ancestor}/`);
}
