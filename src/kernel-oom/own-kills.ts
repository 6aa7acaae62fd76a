import { isWithin } from "../proc/cgroup-path.ts";

interface Struck {
  readonly cgroup: string;
  readonly pids: ReadonlySet<number>;
  readonly atMs: number;
}

/** A pid is given to another process no sooner than thousands later; the kernel's log is read within milliseconds. */
const REMEMBERED_MS = 10_000;

/**
 * Whom the guard has killed of late. Where it and the kernel struck at the same moment both may have hit one process: the
 * kernel counts and prints only whom it was first to send SIGKILL (task_will_free_mem(), mm/oom_kill.c), but the guard
 * has told of that death already, with the pid. One death is one incident.
 */
export class OwnKills {
  #struck: Struck[] = [];

  /** @param cgroup the one it killed for, which holds the victims */
  struck(cgroup: string, pids: Iterable<number>, nowMs: number): void {
    this.#struck = this.#struck.filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
    this.#struck.push({ cgroup, pids: new Set(pids), atMs: nowMs });
  }

  /** Is the death of this process told already? @param cgroup null: not known */
  has(pid: number, cgroup: string | null, atMs: number): boolean {
    return this.#struck.some(
      (struck) =>
        Math.abs(atMs - struck.atMs) <= REMEMBERED_MS &&
        struck.pids.has(pid) &&
        (cgroup === null || isWithin(cgroup, struck.cgroup) || isWithin(struck.cgroup, cgroup)),
    );
  }
}
