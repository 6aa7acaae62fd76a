import { readFileSync } from "node:fs";

/** The text of a small file of the kernel's, without blanks around it; null where it cannot be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
