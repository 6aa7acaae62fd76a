import { EINVAL } from "../../ffi/errno.ts";
import { lockTouchedMemory } from "../../ffi/schedule.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, warn } from "./check.ts";

/** May the guard keep its memory from being paged out? @param lock as the guard does it; throws SysError */
export function checkMemoryLock(lock: () => void = lockTouchedMemory): Finding {
  try {
    lock();
    return ok("what the guard touches stays in memory");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return warn(
      `${error.message}: under memory pressure the guard may be paged out, and be slow`,
      error.errno === EINVAL
        ? "use Linux 4.4 or later"
        : "give it CAP_IPC_LOCK, and raise ulimit -l (LimitMEMLOCK=infinity in its unit)",
    );
  }
}
