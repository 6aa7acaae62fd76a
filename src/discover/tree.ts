import { ENOENT } from "../../ffi/errno.ts";
import {
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  Inotify,
  type InotifyEvent,
} from "../../ffi/inotify.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { childNamesBelow } from "../cgroup/children.ts";
import type { ControlFiles } from "../cgroup/hierarchy.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import { TurnoverMap } from "../turnover-map.ts";
import type { Roots } from "./roots.ts";

const MASK = IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_ONLYDIR;

/** What the tree tells; cgroups are relative to the mount. */
export interface TreeListener {
  /** Also said again of one that is known, when what was written in it may have been missed. */
  onAdded(cgroup: string): void;
  onRemoved(cgroup: string): void;
  /** Somebody wrote a control file of this cgroup that counts. */
  onWritten(cgroup: string): void;
  /** Something could not be watched: `resync` carries it, as long as `isBlind`. */
  onTrouble(error: SysError): void;
}

/** In a watch's place: the kernel has no watch left. */
const NONE_LEFT = -1;
/** The file is not there. */
const NO_FILE = -2;

interface Directory {
  readonly watch: number;
  readonly inside: boolean;
  /** Watches on single files in it. */
  readonly files: readonly number[];
}

/**
 * The cgroups under the roots as they come and go. inotify works on the cgroup file systems: IN_CREATE of a child
 * cgroup, IN_DELETE, IN_MODIFY of a control file that is written. Each of those has a watch of its own: one on the directory
 * tells of memory.events a hundred times a second (v2), and of each registration of the guard's own (v1). Where other
 * programs have used up the user's instances or watches, only `resync` sees what comes and goes.
 */
export class CgroupTree {
  readonly #mount: string;
  readonly #control: ControlFiles;
  readonly #listener: TreeListener;
  readonly #directories = new TurnoverMap<string, Directory>();
  /** The cgroups whose directories, and in whose files, are watched. */
  readonly #byWatch = new Map<number, string>();
  readonly #byFileWatch = new Map<number, string>();
  #inotify: Inotify | null = null;
  #roots: Roots;

  /** @param control what written in it is told of */
  constructor(mount: string, control: ControlFiles, roots: Roots, listener: TreeListener) {
    this.#mount = mount;
    this.#control = control;
    this.#roots = roots;
    this.#listener = listener;
  }

  /** Does something come and go unseen until the next `resync`? */
  get isBlind(): boolean {
    if (this.#inotify === null) return true;
    for (const { watch, files } of this.#directories.values())
      if (watch < 0 || files.includes(NONE_LEFT)) return true;
    return false;
  }

  /** Cgroups inside the roots, as last seen. */
  *cgroups(): Iterable<string> {
    for (const [cgroup, { inside }] of this.#directories) if (inside) yield cgroup;
  }

  /** Looks at everything afresh and tells the differences; the first call finds what is there. */
  resync(roots: Roots = this.#roots): void {
    this.#roots = roots;
    this.#inotify ??= this.#open();
    const seen = new Set<string>();
    this.#visit("/", seen);
    for (const cgroup of [...this.#directories.keys()]) if (!seen.has(cgroup)) this.#forget(cgroup);
  }

  close(): void {
    this.#inotify?.close();
  }

  #open(): Inotify | null {
    try {
      return new Inotify(
        (events) => this.#handle(events),
        (error) => this.#listener.onTrouble(error),
      );
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#listener.onTrouble(error);
      return null;
    }
  }

  #handle(events: readonly InotifyEvent[]): void {
    for (const { watch, mask, name } of events) {
      if (mask & IN_Q_OVERFLOW) {
        // The ends of watches may be among what was lost.
        this.#byWatch.clear();
        this.#byFileWatch.clear();
        this.resync();
        for (const cgroup of [...this.cgroups()]) this.#listener.onAdded(cgroup);
        return;
      }
      const written = this.#byFileWatch.get(watch);
      if (written !== undefined) this.#fileChanged(written, watch, mask);
      const directory = this.#byWatch.get(watch);
      if (directory === undefined) continue;
      if (mask & (IN_DELETE_SELF | IN_IGNORED)) this.#forgetBelow(directory);
      else if (mask & IN_ISDIR) {
        const cgroup = directory === "/" ? `/${name}` : `${directory}/${name}`;
        if (mask & IN_CREATE) this.#visit(cgroup, new Set());
        else if (mask & IN_DELETE) this.#forgetBelow(cgroup);
      }
    }
  }

  #fileChanged(cgroup: string, watch: number, mask: number): void {
    if (mask & IN_MODIFY) this.#listener.onWritten(cgroup);
    else this.#byFileWatch.delete(watch);
  }

  /** Watches a directory first and lists it then, so that a child made in between is seen either way. */
  #visit(cgroup: string, seen: Set<string>): void {
    const place = this.#roots.place(cgroup);
    if (place === "outside") return;
    const path = `${this.#mount}${cgroup === "/" ? "" : cgroup}`;
    if (!this.#watch(cgroup, path, place === "inside")) return;
    let names: string[];
    try {
      names = childNamesBelow(path);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // Removed meanwhile; or it cannot be told (no descriptor left), and then nothing below it is given up.
      if (error.errno !== ENOENT) this.#keepBelow(cgroup, seen);
      return;
    }
    seen.add(cgroup);
    for (const name of names) this.#visit(cgroup === "/" ? `/${name}` : `${cgroup}/${name}`, seen);
  }

  #watch(cgroup: string, path: string, inside: boolean): boolean {
    const before = this.#directories.get(cgroup);
    // A watch holds until the kernel says that it has ended.
    const isWatched = before !== undefined && this.#byWatch.has(before.watch);
    const watch = isWatched ? before.watch : this.#ask(path, MASK);
    if (watch === null) return false;
    const known = before?.watch === watch ? before.files : [];
    const names = inside ? this.#control : [];
    const files = names.map((name, i) => this.#watchFile(`${path}/${name}`, known[i]));
    // A directory that was removed and made again has another watch number; so has one known without a watch.
    if (before !== undefined && before.watch !== watch) this.#forget(cgroup);
    else if (before !== undefined) this.#unwatch(before.files.filter((file) => !files.includes(file)));
    this.#directories.set(cgroup, { watch, inside, files });
    if (watch >= 0) this.#byWatch.set(watch, cgroup);
    for (const file of files) if (file >= 0) this.#byFileWatch.set(file, cgroup);
    const wasInside = before?.inside === true && before.watch === watch;
    if (inside && !wasInside) this.#listener.onAdded(cgroup);
    if (!inside && wasInside) this.#listener.onRemoved(cgroup);
    return true;
  }

  /** @param known its watch, if it had one in the same directory */
  #watchFile(path: string, known: number | undefined): number {
    if (known !== undefined && this.#byFileWatch.has(known)) return known;
    // A file that is not there belongs to a controller that is off, and may come.
    return this.#ask(path, IN_MODIFY) ?? NO_FILE;
  }

  /** Null: it is not there. */
  #ask(path: string, mask: number): number | null {
    try {
      return this.#inotify?.watch(path, mask) ?? NONE_LEFT;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno === ENOENT) return null;
      // Out of watches: what is there is guarded all the same, and resync finds what comes.
      this.#listener.onTrouble(error);
      return NONE_LEFT;
    }
  }

  #keepBelow(cgroup: string, seen: Set<string>): void {
    for (const other of this.#directories.keys()) if (isWithin(other, cgroup)) seen.add(other);
  }

  #forgetBelow(cgroup: string): void {
    if (cgroup === "/") return;
    for (const other of [...this.#directories.keys()]) if (isWithin(other, cgroup)) this.#forget(other);
  }

  #forget(cgroup: string): void {
    const directory = this.#directories.get(cgroup);
    if (directory === undefined) return;
    this.#directories.delete(cgroup);
    this.#unwatch([directory.watch, ...directory.files]);
    if (directory.inside) this.#listener.onRemoved(cgroup);
  }

  #unwatch(watches: readonly number[]): void {
    for (const watch of watches) {
      if (watch < 0) continue;
      this.#byWatch.delete(watch);
      this.#byFileWatch.delete(watch);
      this.#inotify?.unwatch(watch);
    }
  }
}
