import { createEventfd } from "./eventfd.ts";
import { close, duplicate } from "./file.ts";

/**
 * Has the kernel make room for this many descriptors at once. It doubles the table whenever it is full, and in a process with
 * threads each doubling waits for an RCU grace period (expand_fdtable(), fs/file.c), 10 to 30 ms: six of them on the way to
 * 4096. More than the process may have (RLIMIT_NOFILE) are not reserved.
 */
export function reserveDescriptors(count: number): void {
  const fd = createEventfd();
  const last = duplicate(fd, count - 1);
  if (last >= 0) close(last);
  close(fd);
}
