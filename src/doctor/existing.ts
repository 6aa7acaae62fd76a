import { existsSync } from "node:fs";
import { dirname } from "node:path";

/** The path itself, or the nearest directory above it that exists: there it would be made. */
export function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}
