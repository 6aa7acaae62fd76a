import { walkOpen } from "../cgroup/children.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { isWithin } from "../proc/cgroup-path.ts";

/** Kills by the kernel that the ledger did not know yet. */
export interface KernelKills {
  readonly cgroup: string;
  readonly count: number;
  /** The cgroup dies as one (memory.oom.group): there may be more than were counted by now. */
  readonly asOne: boolean;
}

// The kernel kills the processes of such a cgroup one by one, and prints a line to the console for each. The cgroup may be
// removed as soon as they are dead, so the first look that finds some tells.
const WHOLE_MS = 1000;

/**
 * Remembers each cgroup's oom_kill counter. Shared by all watches, because an OOM in a pod is counted in the victim's
 * container but notified to both: whoever looks first claims it.
 */
export class OomLedger {
  readonly #reader: MemoryReader;
  readonly #counts = new Map<string, number>();
  /** Until when kills in a cgroup that dies as one belong to those that were told. */
  readonly #wholeUntilMs = new Map<string, number>();

  constructor(reader: MemoryReader) {
    this.#reader = reader;
  }

  /**
   * Takes the counters of a cgroup that is being armed as they are. One made later starts at 0 by itself.
   * @returns whether there are kills to claim: the watch it had before was released too early to
   */
  learn(directoryFd: number, cgroup: string): boolean {
    let behind = false;
    walkOpen(directoryFd, cgroup, (fd, name) => {
      const count = this.#reader.oomKills(fd);
      const known = this.#counts.get(name);
      if (known === undefined && count >= 0) this.#counts.set(name, count);
      behind ||= known !== undefined && count > known;
      return true;
    });
    return behind;
  }

  /** What the kernel killed in the cgroup and below it since the last call; null where this kernel does not count. */
  claim(directoryFd: number, cgroup: string, nowMs: number): KernelKills[] | null {
    const kills: KernelKills[] = [];
    let counts = true;
    walkOpen(directoryFd, cgroup, (fd, name) => {
      const now = this.#reader.oomKills(fd);
      // A removed cgroup notifies of an OOM one last time; nobody was killed for that.
      if (now < 0) return false;
      if (Number.isNaN(now)) {
        counts = false;
        return false;
      }
      const before = this.#counts.get(name) ?? 0;
      const count = now - before;
      if (now !== before) this.#counts.set(name, now);
      if (count <= 0) return true;
      const asOne = this.#reader.diesAsOne(fd);
      const isTold = asOne && nowMs < (this.#wholeUntilMs.get(name) ?? 0);
      if (!isTold) kills.push({ cgroup: name, count, asOne });
      if (asOne) this.#wholeUntilMs.set(name, nowMs + WHOLE_MS);
      return true;
    });
    return counts ? kills : null;
  }

  /**
   * A removed cgroup's counter means nothing for the next one of that name. Nor do those below it, of which some may
   * have come and gone too fast for anybody else to know them.
   */
  forget(cgroup: string): void {
    for (const known of [this.#counts, this.#wholeUntilMs])
      for (const name of known.keys()) if (isWithin(name, cgroup)) known.delete(name);
  }

  /** How many counters are remembered. */
  get size(): number {
    return this.#counts.size;
  }
}
