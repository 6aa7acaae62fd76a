import type { SysError } from "../../ffi/sys-error.ts";
import type { Reclaimer } from "../act/reclaimer.ts";
import type { Armer } from "../arm/armer.ts";
import type { Hierarchy } from "../cgroup/hierarchy.ts";
import { Roots } from "../discover/roots.ts";
import { CgroupTree } from "../discover/tree.ts";
import type { Log } from "../report/log.ts";

/** The tree of cgroups under the roots, of whose changes armer and reclaimer hear. Nothing is looked at until its first `resync`. */
export function followTree(
  { mount, control }: Hierarchy,
  roots: readonly string[],
  armer: Armer,
  reclaimer: Reclaimer,
  log: Log,
): CgroupTree {
  return new CgroupTree(mount, control, new Roots(roots), {
    onAdded: (cgroup) => armer.refresh(cgroup),
    onRemoved: (cgroup) => {
      armer.forget(cgroup);
      reclaimer.forget(cgroup);
    },
    onWritten: (cgroup) => armer.refresh(cgroup),
    onTrouble: (error) => sayNotWatched(error, log),
  });
}

function sayNotWatched(error: SysError, log: Log): void {
  const limit = error.syscall === "inotify_init1" ? "max_user_instances" : "max_user_watches";
  const fix = `new cgroups are looked for every second; raise fs.inotify.${limit}, or end what uses them up`;
  log.once(
    "tree-not-watched",
    `inotify ${error.code}`,
    "warn",
    `cannot watch the cgroup tree (${error.message}): ${fix}`,
  );
}
