import { type BigIntStats, statSync } from "node:fs";
import { SysError } from "../../ffi/sys-error.ts";

/** What a cgroup's directory is, for its inode. @throws SysError */
export function statDirectory(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    throw new SysError("stat", Math.abs((error as { errno?: number }).errno ?? 0), path, { cause: error });
  }
}
