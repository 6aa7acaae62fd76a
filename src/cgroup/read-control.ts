import { readFileSync } from "node:fs";
import { SysError } from "../../ffi/sys-error.ts";

/** The text of a control file, without the newline at its end. @throws SysError */
export function readControl(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd();
  } catch (error) {
    throw new SysError("read", Math.abs((error as { errno?: number }).errno ?? 0), path, { cause: error });
  }
}
