import { type Finding, ok, warn } from "./check.ts";
import type { Guarded } from "./guarded.ts";
import { readText } from "./read-text.ts";

// Directory, usage, stat, and an eventfd for each of five notifications.
const PER_CGROUP = 8;
// Libraries, database, sockets, the black box.
const OTHERS = 64;

/** How much there is to watch. */
export type WatchCounts = Pick<Guarded, "cgroupCount"> & { readonly limitedCount: number };

/** Is there room for the descriptors and watches of everything that is there now, and of as much again? */
export function checkDescriptors(procRoot: string, counts: WatchCounts): Finding {
  const needed = OTHERS + PER_CGROUP * counts.limitedCount;
  const limit = openFilesLimit(readText(`${procRoot}/self/limits`) ?? "");
  if (limit < 2 * needed) {
    return warn(
      `${limit} open files are allowed, ${needed} needed now: with more containers some are not armed`,
      `ulimit -n ${roomFor(needed)} (LimitNOFILE=${roomFor(needed)} in its unit)`,
    );
  }
  const watches = Number(readText(`${procRoot}/sys/fs/inotify/max_user_watches`) ?? Number.POSITIVE_INFINITY);
  if (watches < 2 * counts.cgroupCount) {
    return warn(
      `fs.inotify.max_user_watches is ${watches}, ${counts.cgroupCount} needed now: new containers are noticed up to a second late`,
      `sysctl fs.inotify.max_user_watches=${roomFor(counts.cgroupCount)}`,
    );
  }
  return ok(
    `${needed} of ${limit} open files and ${counts.cgroupCount} of ${watches} inotify watches needed now`,
  );
}

function openFilesLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

/** A round number with room to grow. */
function roomFor(needed: number): number {
  return 2 ** Math.ceil(Math.log2(4 * needed));
}
