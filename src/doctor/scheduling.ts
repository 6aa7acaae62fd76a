import { runThreadFirst, runThreadOrdinarily } from "../../ffi/schedule.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, warn } from "./check.ts";

/** May the guard's second thread run ahead of all others? Tried on the calling thread, for some microseconds. */
export function checkScheduling(first = runThreadFirst, ordinarily = runThreadOrdinarily): Finding {
  try {
    first();
    ordinarily();
    return ok("the deciding thread runs first (SCHED_FIFO)");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return warn(
      `${error.message}: on a busy node the guard waits for its turn, and loses more races`,
      // CentOS 7 has CONFIG_RT_GROUP_SCHED: root in a cgroup without real-time budget is refused too.
      "give it CAP_SYS_NICE; where its cpu cgroup has cpu.rt_runtime_us 0, raise that",
    );
  }
}
