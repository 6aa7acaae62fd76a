/** What tasks that wait for memory at the limit of their cgroup need: nothing, another look, that somebody dies, or the kernel. */
export type Waiting = "none" | "look" | "kill" | "release";

/** How soon to look again while tasks wait. */
export const WAITING_LOOK_MS = 10;
// A task that was woken counts as waiting until it has run.
const CONFIRM_MS = 50;
// With room they only have to run, which a CPU quota may put off.
const LEFT_WAITING_MS = 1000;

/**
 * The kernel has declared an OOM, and tasks wait, while the guard's own rule finds no reason to kill: there is page cache that
 * the kernel did not get (dirty, locked), or it is the limit on memory and swap that is reached. The kernel would have
 * killed at once.
 * @param waitedMs how long they have been seen to wait
 * @param hasRoom whether the cgroup could charge more by now
 */
export function whatWaitersNeed(waitedMs: number, hasRoom: boolean): Waiting {
  if (hasRoom) return waitedMs >= LEFT_WAITING_MS ? "release" : "look";
  return waitedMs >= CONFIRM_MS ? "kill" : "look";
}
