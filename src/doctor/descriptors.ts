import { type Finding, ok, warn } from "./check.ts";
import type { Guarded } from "./guarded.ts";
import { readText } from "./read-text.ts";

// Libraries, database, sockets, the black box.
const OTHERS = 64;

/** Is there room for the descriptors and watches of everything that is there now, and of as much again? */
export function checkDescriptors(procRoot: string, guarded: Guarded | null): Finding {
  const { limited = [], descriptorsEach = 0, cgroupCount = 0, watchesEach = 0 } = guarded ?? {};
  const needed = OTHERS + descriptorsEach * limited.length;
  const watched = watchesEach * cgroupCount;
  const limit = openFilesLimit(readText(`${procRoot}/self/limits`) ?? "");
  if (limit < 2 * needed) {
    return warn(
      `${limit} open files are allowed, ${needed} needed now: with more containers some are not armed`,
      `ulimit -n ${roomFor(needed)} (LimitNOFILE=${roomFor(needed)} in its unit)`,
    );
  }
  const watches = Number(readText(`${procRoot}/sys/fs/inotify/max_user_watches`) ?? Number.POSITIVE_INFINITY);
  if (watches < 2 * watched) {
    return warn(
      `fs.inotify.max_user_watches is ${watches}, ${watched} needed now: new containers are noticed up to a second late`,
      `sysctl fs.inotify.max_user_watches=${roomFor(watched)}`,
    );
  }
  return ok(`${needed} of ${limit} open files and ${watched} of ${watches} inotify watches needed now`);
}

function openFilesLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

/** A round number with room to grow. */
function roomFor(needed: number): number {
  return 2 ** Math.ceil(Math.log2(4 * needed));
}
