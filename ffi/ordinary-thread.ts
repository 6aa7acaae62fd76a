import { errno, libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

const SCHED_OTHER = 0;

/** Puts the calling thread back among the ordinary ones (sched_setscheduler(2)), which needs no right. @throws SysError */
export function runThreadOrdinarily(): void {
  const noPriority = new NativeBuffer(4);
  if (libc.sched_setscheduler(0, SCHED_OTHER, noPriority.address) < 0) {
    throw new SysError("sched_setscheduler", errno());
  }
}
