import { errno, libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;

/**
 * Puts the calling thread ahead of every ordinary one. With all cores busy it kept a leak's overshoot under 1 MB
 * where it was up to 9 MB without. Priority 1 is enough: nothing else on a node should run above SCHED_OTHER.
 * The engine's helpers of garbage collection, which it starts, inherit this (no SCHED_RESET_ON_FORK): it waits for them.
 * @throws SysError EPERM without CAP_SYS_NICE; with it where the thread's cpu cgroup has no real-time budget
 * (CONFIG_RT_GROUP_SCHED, sched_setscheduler(2))
 */
export function runThreadFirst(): void {
  schedule(SCHED_FIFO, 1);
}

/** Puts the calling thread back among the ordinary ones, which needs no right. @throws SysError */
export function runThreadOrdinarily(): void {
  schedule(SCHED_OTHER, 0);
}

function schedule(policy: number, priority: number): void {
  const parameters = new NativeBuffer(4);
  parameters.view.setInt32(0, priority, true);
  if (libc.sched_setscheduler(0, policy, parameters.address) < 0) {
    throw new SysError("sched_setscheduler", errno());
  }
}
