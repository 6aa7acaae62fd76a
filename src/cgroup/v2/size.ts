/** A size as the files of cgroup v2 have it: bytes, Infinity for "max". */
export function parseSize(text: string): number {
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}
