import { dirname, join } from "node:path";
import { ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { writeControl } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { isWithin } from "../../proc/cgroup-path.ts";
import { childNamesBelow } from "../children.ts";
import type { Held, HeldMemory } from "../held.ts";
import { readControl } from "../read-control.ts";
import { statDirectory } from "../stat-directory.ts";

const KILL = 0;
const WAIT = 1;

/** Why tasks of a cgroup do not wait at its limit though they were meant to. */
export type NotKept =
  | { readonly because: "refused"; readonly error: SysError }
  | { readonly because: "reset" };

/**
 * Has tasks wait at the limit of a cgroup instead of being shot by the kernel's OOM killer (memory.oom_control = 1), and
 * takes that back. Somebody else may have set it (docker run --oom-kill-disable): then it is not touched.
 *
 * A cgroup has the value its parent had when it was made, and keeps it (mem_cgroup_css_alloc()): what is made below a
 * cgroup that the guard holds must be given back as well, armed or not. Of a 1 in such a cgroup nobody can tell any more
 * whether it was inherited or set: it counts as inherited, unless it was there before the guard's.
 */
export class OomKeeper {
  readonly #mount: string;
  readonly #memory: HeldMemory;
  readonly #onNotKept: (cgroup: string, why: NotKept) => void;
  readonly #wanted = new Set<string>();
  /** The inode of each cgroup in which this process has seen its own value. */
  readonly #kept = new Map<string, string>();
  /** Those in which somebody else has taken it back. */
  readonly #reset = new Map<string, string>();
  #isOver = false;

  constructor(mount: string, memory: HeldMemory, onNotKept: (cgroup: string, why: NotKept) => void) {
    this.#mount = mount;
    this.#memory = memory;
    this.#onNotKept = onNotKept;
  }

  /** How many cgroups hold what the guard has written, or is about to write. */
  get count(): number {
    return this.#memory.all.filter(isOurs).length;
  }

  /** Has the tasks of a cgroup wait at its limit. What stands against it is told. @throws SysError when the cgroup is gone */
  hold(cgroup: string): void {
    if (this.#isOver) return;
    const inode = this.#inodeOf(cgroup);
    this.#wanted.add(cgroup);
    if (this.#reset.get(cgroup) === inode) return;
    try {
      this.#hold(cgroup, inode);
    } catch (error) {
      if (!(error instanceof SysError) || isGone(error)) throw error;
      this.#onNotKept(cgroup, { because: "refused", error });
    }
  }

  /** Has the kernel's OOM killer back at the limit, also where the cgroup has only inherited that there is none. */
  letGo(cgroup: string): void {
    this.#wanted.delete(cgroup);
    this.#kept.delete(cgroup);
    this.#reset.delete(cgroup);
    const held = this.#memory.of(cgroup);
    if (held !== undefined && isOurs(held)) this.#giveBack(held);
    else if (this.#inherits(cgroup)) this.#attempt(() => this.#disinherit(cgroup));
  }

  /** Gives back what an earlier process has left where tasks are not to wait now. */
  tidy(): void {
    for (const held of this.#memory.all) {
      if (isOurs(held) ? !this.#wanted.has(held.cgroup) : !this.#isStillTheirs(held)) this.letGo(held.cgroup);
    }
  }

  /** Gives back everything, for good. */
  letAllGo(): void {
    this.#isOver = true;
    this.#wanted.clear();
    this.tidy();
  }

  #hold(cgroup: string, inode: string): void {
    const noted = this.#memory.of(cgroup);
    const held = noted?.inode === inode ? noted : undefined;
    if (this.#valueOf(cgroup) === KILL) {
      if (held !== undefined && this.#kept.has(cgroup)) {
        this.#kept.delete(cgroup);
        this.#reset.set(cgroup, inode);
        this.#giveBack(held);
        this.#onNotKept(cgroup, { because: "reset" });
        return;
      }
      this.#noteTheirsBelow(cgroup);
      this.#memory.note({ cgroup, inode, found: KILL, ours: [WAIT] });
      this.#writeFirst(cgroup);
    } else if (held === undefined) {
      if (!this.#inherits(cgroup)) return;
      this.#memory.note({ cgroup, inode, found: KILL, ours: [WAIT] });
    } else if (!isOurs(held)) return;
    this.#kept.set(cgroup, inode);
  }

  #writeFirst(cgroup: string): void {
    try {
      this.#write(cgroup, WAIT);
    } catch (error) {
      this.#memory.forget(cgroup);
      throw error;
    }
  }

  /** First what is written down, then what was made below it until then. */
  #giveBack(held: Held): void {
    const { cgroup, inode } = held;
    let isDone = true;
    const isRead = this.#attempt(() => {
      if (this.#inodeOf(cgroup) !== inode) return;
      if (this.#valueOf(cgroup) === WAIT) this.#write(cgroup, KILL);
      for (const below of this.#below(cgroup)) {
        isDone = this.#attempt(() => this.#disinherit(below)) && isDone;
      }
    });
    if (!isRead || !isDone) return;
    this.#memory.forget(cgroup);
    for (const { cgroup: below, ours } of this.#memory.all) {
      if (ours.length === 0 && isWithin(below, cgroup) && !this.#inherits(below)) this.#memory.forget(below);
    }
  }

  /** Takes back what a cgroup has from its parent; what is written down of it has another reason to be there. */
  #disinherit(cgroup: string): void {
    if (this.#memory.of(cgroup)?.inode === this.#inodeOf(cgroup)) return;
    if (this.#valueOf(cgroup) === WAIT) this.#write(cgroup, KILL);
  }

  /** Before anything is inherited from it: what is there below a cgroup by somebody else's will. */
  #noteTheirsBelow(cgroup: string): void {
    if (this.#inherits(cgroup)) return;
    for (const below of this.#below(cgroup)) {
      this.#attempt(() => {
        const inode = this.#inodeOf(below);
        if (this.#valueOf(below) === KILL || this.#memory.of(below)?.inode === inode) return;
        this.#memory.note({ cgroup: below, inode, found: WAIT, ours: [] });
      });
    }
  }

  /** Whether the cgroup may have its value from one above it that is held. */
  #inherits(cgroup: string): boolean {
    for (let above = dirname(cgroup); above !== "/"; above = dirname(above)) {
      const held = this.#memory.of(above);
      if (held !== undefined && isOurs(held)) return true;
    }
    return false;
  }

  #isStillTheirs({ cgroup, inode }: Held): boolean {
    let isThere = false;
    this.#attempt(() => {
      isThere = this.#inodeOf(cgroup) === inode;
    });
    if (!isThere) this.#memory.forget(cgroup);
    return isThere;
  }

  /** @returns false when it is there and cannot be done now: whoever tidies up tries again */
  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return isGone(error);
    }
  }

  /** Cgroups below one, parents first. @throws SysError */
  #below(cgroup: string): string[] {
    return childrenOf(this.#mount, cgroup).flatMap((child) => [child, ...this.#below(child)]);
  }

  #valueOf(cgroup: string): number {
    const text = readControl(`${this.#mount}${cgroup}/memory.oom_control`);
    return /^oom_kill_disable 1$/m.test(text) ? WAIT : KILL;
  }

  #write(cgroup: string, value: number): void {
    writeControl(`${this.#mount}${cgroup}/memory.oom_control`, String(value));
  }

  #inodeOf(cgroup: string): string {
    return String(statDirectory(`${this.#mount}${cgroup}`).ino);
  }
}

/** The child cgroups of one, none of one that is gone. @throws SysError */
function childrenOf(mount: string, cgroup: string): string[] {
  try {
    return childNamesBelow(`${mount}${cgroup}`).map((name) => join(cgroup, name));
  } catch (error) {
    if (error instanceof SysError && isGone(error)) return [];
    throw error;
  }
}

/** Otherwise it is only remembered that somebody else has set it. */
const isOurs = ({ ours }: Held) => ours.length > 0;

const isGone = ({ errno }: SysError) => errno === ENOENT || errno === ENODEV;
