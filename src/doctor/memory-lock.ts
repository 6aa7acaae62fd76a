import { lockTouchedFiles, lockTouchedMemory } from "../../ffi/memory-lock.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { totalSwapBytes } from "../../ffi/sysinfo.ts";
import { type Finding, ok, warn } from "./check.ts";

const CONSEQUENCE = "under memory pressure the guard may be paged out, and be slow";

/** May the guard keep its memory from being paged out? @param lock as the guard does it; throws SysError */
export function checkMemoryLock(
  lock: () => boolean = totalSwapBytes() > 0 ? lockTouchedMemory : lockTouchedFiles,
): Finding {
  try {
    if (lock()) return ok("what the guard touches stays in memory");
    return warn(`this kernel cannot lock only what is touched: ${CONSEQUENCE}`, "use Linux 4.4 or later");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return warn(
      `${error.message}: ${CONSEQUENCE}`,
      "give it CAP_IPC_LOCK, or raise ulimit -l (LimitMEMLOCK=infinity in its unit)",
    );
  }
}
