import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { maxSlackBytes } from "../cgroup/max-slack.ts";
import { type Waiting, whatWaitersNeed } from "../decide/waiting.ts";
import type { Watch } from "./watch.ts";

/** A look at who waits for memory at the limit of a cgroup (`kernel_oom = "hold"`), and what the guard owes them. */
export function lookAtWaiters(
  reader: MemoryReader,
  watch: Watch,
  usageBytes: number,
  nowMs: number,
): Waiting {
  const { spec, helpless } = watch;
  const { directoryFd } = spec.armed;
  if (!spec.waitAtLimit || helpless || reader.atLimit(directoryFd) !== "waits") {
    watch.waitingSinceMs = Number.POSITIVE_INFINITY;
    return "none";
  }
  watch.waitingSinceMs = Math.min(watch.waitingSinceMs, nowMs);
  // Pre-charges of CPUs may be drained without waking anybody (drain_stock(), mm/memcontrol.c).
  const hasRoom = reader.roomBytes(directoryFd, usageBytes, spec.limitBytes) > maxSlackBytes;
  return whatWaitersNeed(nowMs - watch.waitingSinceMs, hasRoom);
}
