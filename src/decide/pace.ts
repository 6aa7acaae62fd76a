/** How a cgroup above its threshold is polled. */
export interface Pace {
  /** When its growth was last measured; NaN before the first reading. */
  readonly atMs: number;
  /** Memory that could not be reclaimed then. */
  readonly fixedBytes: number;
  /** The fastest recent growth of that memory, halved at each look that saw less. */
  readonly bytesPerMs: number;
  /** Looks in a row without growth worth the name. */
  readonly quietLooks: number;
  /** Nothing moves: the kernel's reclaim reports wake the sentinel, polling is only a backstop. */
  readonly quiet: boolean;
  readonly pollMs: number;
}

export const calmPace: Pace = {
  atMs: Number.NaN,
  fixedBytes: 0,
  bytesPerMs: 0,
  quietLooks: 0,
  quiet: false,
  pollMs: -1,
};

// A leak that starts between two looks is assumed to run this fast: 8 GB/s, between the 3.5 GB/s of two threads on
// 4K pages and the 24 GB/s of two threads on huge pages (2 cores, Linux 6.18). Medium pressure covers the rest.
const ASSUMED_BYTES_PER_MS = 8 * 1024 * 1024;
const SHORTEST_POLL_MS = 1;
/** Where no report of the kernel's would wake the sentinel, it looks again after that at the latest. */
export const LONGEST_POLL_MS = 100;
const QUIET_POLL_MS = 1000;
const QUIET_AFTER_LOOKS = 8;
// A timeout is whole milliseconds: 5.9 ms, those of a 100M cgroup full of cache, would make a sixth more looks as 5.
const ROUNDED_MS = 1 / 4;
// Looks without a pause (`closing-in.ts`) find a batch of pages counted or none.
const MEASURE_MS = 0.5;
// Growth that would need longer than this to use up the distance is no leak.
const SLOW_GROWTH_MS = 60_000;

/**
 * When to look again at a cgroup that is above its threshold but not to be killed.
 * @param fixedBytes memory that cannot be reclaimed
 * @param distanceBytes how much it may still grow before the guard must act
 */
export function pace(before: Pace, fixedBytes: number, distanceBytes: number, nowMs: number): Pace {
  const measured = nowMs - before.atMs < MEASURE_MS ? before : measure(before, fixedBytes, nowMs);
  const { bytesPerMs } = measured;
  const growing = bytesPerMs * SLOW_GROWTH_MS > distanceBytes;
  const quietLooks = growing ? 0 : before.quietLooks + 1;
  const quiet = quietLooks >= QUIET_AFTER_LOOKS;
  // Half the time the leak would need, at twice the speed seen: two looks fit in before it gets there.
  const untilMs = distanceBytes / (2 * Math.max(2 * bytesPerMs, ASSUMED_BYTES_PER_MS));
  const pollMs = quiet
    ? QUIET_POLL_MS
    : Math.min(Math.max(Math.floor(untilMs + ROUNDED_MS), SHORTEST_POLL_MS), LONGEST_POLL_MS);
  return { ...measured, quietLooks, quiet, pollMs };
}

function measure(
  before: Pace,
  fixedBytes: number,
  nowMs: number,
): Pick<Pace, "atMs" | "fixedBytes" | "bytesPerMs"> {
  const seen = Math.max(0, fixedBytes - before.fixedBytes) / (nowMs - before.atMs);
  const bytesPerMs = Number.isNaN(before.atMs) ? 0 : Math.max(seen, before.bytesPerMs / 2);
  return { atMs: nowMs, fixedBytes, bytesPerMs };
}

/** The pace of a cgroup in which the kernel has just reclaimed something: it is looked at closely for a while again. */
export function stirred(pace: Pace): Pace {
  return { ...pace, quietLooks: 0, quiet: false };
}

// Of one core, for looking again and again at cgroups that are full of cache.
const SHARE = 0.02;
// A look at a cgroup nobody has looked at for a while: usage, memory.stat and what follows (Linux 6.18).
const LOOK_MS = 0.06;

/**
 * When to look again where others are to be looked at as well: 250 cgroups that stream files through a full cache kept a
 * whole core busy, at the priority of the guard. What is missed meanwhile the kernel's report of pressure tells.
 * @param pollMs what this cgroup alone would ask for
 * @param others how many other cgroups are full of cache
 */
export function sharedPollMs(pollMs: number, others: number): number {
  return Math.max(pollMs, Math.ceil((others * LOOK_MS) / SHARE));
}

// Those that are due at once hold up a notification: five or six of 250 cgroups that are full of cache, 0.3 ms.
const LATER_BY_AT_MOST = 1 / 32;
const SHORTEST_GRID_MS = 1;

/**
 * The time of a look that may be a little later, so that one wake-up, 0.05 ms by itself, does for several cgroups.
 * @param inMs how long it is until then
 */
export function togetherMs(nowMs: number, inMs: number): number {
  const latestMs = inMs * LATER_BY_AT_MOST;
  if (latestMs < SHORTEST_GRID_MS) return nowMs + inMs;
  const gridMs = 2 ** Math.floor(Math.log2(latestMs));
  return Math.ceil((nowMs + inMs) / gridMs) * gridMs;
}
