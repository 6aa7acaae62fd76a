import { ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { writeControl, writeControlInPool } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { pageBytes } from "../../../ffi/sysinfo.ts";
import type { Held, HeldMemory } from "../held.ts";
import { readNumber } from "../read-control.ts";
import { statDirectory } from "../stat-directory.ts";
import { Places } from "./places.ts";

// The kernel may reclaim for as long as a write takes, and the pool (32 threads) has inotify to read as well.
const WRITES_AT_ONCE = 16;

/**
 * Sets memory.high, and gives back what was there. It may belong to somebody else (kubelet's MemoryQoS, systemd, an
 * operator): the smaller value wins, and a value that is not the guard's own any more is not touched.
 */
export class HighKeeper {
  readonly #mount: string;
  readonly #memory: HeldMemory;
  /** What each cgroup is to be held at. */
  readonly #wanted = new Map<string, number>();
  readonly #writing = new Map<string, Promise<void>>();
  readonly #places = new Places(WRITES_AT_ONCE);
  #isOver = false;

  constructor(mount: string, memory: HeldMemory) {
    this.#mount = mount;
    this.#memory = memory;
  }

  /** How many cgroups hold what the guard has written, or is about to write. */
  get count(): number {
    return this.#memory.all.length;
  }

  /**
   * Has the kernel hold the cgroup back at so many bytes, or where it already does below them. Resolves when it is so.
   * @throws SysError
   */
  hold(cgroup: string, bytes: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    // memory.high is kept in pages; what is read back would differ.
    this.#wanted.set(cgroup, Math.floor(bytes / pageBytes) * pageBytes);
    return this.#settle(cgroup);
  }

  /** Gives back what was found. */
  letGo(cgroup: string): void {
    this.#wanted.delete(cgroup);
    // A write under way ends with this.
    if (!this.#writing.has(cgroup)) this.#giveBack(cgroup);
  }

  /** Gives back what an earlier process has left where nothing is to be held now. */
  tidy(): void {
    for (const { cgroup } of this.#memory.all) if (!this.#wanted.has(cgroup)) this.letGo(cgroup);
  }

  /** Gives back everything, for good. A write that does not end within the time stays written down. */
  async letAllGo(waitMs: number): Promise<void> {
    this.#isOver = true;
    this.#wanted.clear();
    const isDone = () => Promise.race([Promise.allSettled(this.#writing.values()), Bun.sleep(waitMs)]);
    await isDone();
    this.tidy();
    await isDone();
  }

  /** One after the other for each cgroup: the writes may take long, and meanwhile something else may be wanted. */
  async #settle(cgroup: string): Promise<void> {
    const before = this.#writing.get(cgroup);
    const settled = (before ?? Promise.resolve()).catch(() => undefined).then(() => this.#write(cgroup));
    this.#writing.set(cgroup, settled);
    try {
      await settled;
    } finally {
      if (this.#writing.get(cgroup) === settled) this.#writing.delete(cgroup);
      if (!this.#wanted.has(cgroup) && !this.#writing.has(cgroup)) this.#giveBack(cgroup);
    }
  }

  async #write(cgroup: string): Promise<void> {
    await this.#places.take();
    try {
      await this.#writeNow(cgroup);
    } finally {
      this.#places.leave();
    }
  }

  async #writeNow(cgroup: string): Promise<void> {
    const setBytes = this.#wanted.get(cgroup);
    if (setBytes === undefined) return;
    const file = this.#fileOf(cgroup);
    const inode = this.#inodeOf(cgroup);
    const presentBytes = readNumber(file);
    const held = this.#memory.of(cgroup);
    const isOurs = held !== undefined && held.inode === inode && held.ours.includes(presentBytes);
    if (isOurs && presentBytes === setBytes) return;
    const foundBytes = isOurs ? held.found : presentBytes;
    if (foundBytes <= setBytes) {
      if (isOurs) await writeControlInPool(file, textOf(foundBytes));
      this.#memory.forget(cgroup);
      return;
    }
    this.#memory.note({
      cgroup,
      inode,
      found: foundBytes,
      ours: isOurs ? [setBytes, presentBytes] : [setBytes],
    });
    await writeControlInPool(file, textOf(setBytes));
  }

  #giveBack(cgroup: string): void {
    const held = this.#memory.of(cgroup);
    if (held === undefined) return;
    try {
      const file = this.#fileOf(cgroup);
      const isOurs = this.#inodeOf(cgroup) === held.inode && held.ours.includes(readNumber(file));
      if (isOurs && held.found !== Number.POSITIVE_INFINITY) {
        this.#giveBackSize(held, file);
        return;
      }
      // The kernel has nothing to reclaim for that, so this does not wait.
      if (isOurs) writeControl(file, textOf(held.found));
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // One that is there but cannot be written may be later.
      if (error.errno !== ENOENT && error.errno !== ENODEV) return;
    }
    this.#memory.forget(cgroup);
  }

  /** Usage may be above it: then the kernel reclaims first. */
  #giveBackSize({ cgroup, found }: Held, file: string): void {
    const written = writeControlInPool(file, textOf(found)).then(
      () => this.#memory.forget(cgroup),
      // Tried again by whoever tidies up.
      () => undefined,
    );
    this.#writing.set(cgroup, written);
    void written.finally(() => {
      if (this.#writing.get(cgroup) === written) this.#writing.delete(cgroup);
    });
  }

  #fileOf(cgroup: string): string {
    return `${this.#mount}${cgroup}/memory.high`;
  }

  #inodeOf(cgroup: string): string {
    return String(statDirectory(`${this.#mount}${cgroup}`).ino);
  }
}

const textOf = (bytes: number) => (bytes === Number.POSITIVE_INFINITY ? "max" : String(bytes));
