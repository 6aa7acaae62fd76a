import { readFileSync } from "node:fs";
import { close, openFile } from "../../ffi/file.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { numberAt } from "./number-in.ts";

/** The text of a control file, without the newline at its end. @throws SysError */
export function readControl(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd();
  } catch (error) {
    throw new SysError("read", Math.abs((error as { errno?: number }).errno ?? 0), path, { cause: error });
  }
}

/** The one number in a control file; Infinity where it says "max". @throws SysError */
export function readNumber(path: string): number {
  const fd = openFile(path, 0);
  const value = numberAt(fd);
  close(fd);
  if (value < 0) throw new SysError("read", -value, path);
  return value;
}
