import { read as readAsync } from "node:fs";
import { close, readNext } from "./file.ts";
import { errno, libc } from "./libc.ts";
import { briefly, cString, NativeBuffer } from "./native-buffer.ts";
import { isReadable } from "./poll.ts";
import { SysError } from "./sys-error.ts";

const IN_CLOEXEC = 0o2000000;
export const IN_MODIFY = 0x2;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x01000000;
export const IN_ISDIR = 0x40000000;

/** One event of struct inotify_event: which watch, what, and the name inside the watched directory ("" for itself). */
export interface InotifyEvent {
  readonly watch: number;
  readonly mask: number;
  readonly name: string;
}

const headerBytes = 16;
const root = cString("/");
const decoder = new TextDecoder();

/** Splits what one read of an inotify descriptor returned (inotify(7)). */
export function parseInotify(bytes: Uint8Array): InotifyEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: InotifyEvent[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const nameBytes = view.getUint32(at + 12, true);
    const name = bytes.subarray(at + headerBytes, at + headerBytes + nameBytes);
    const end = name.indexOf(0);
    events.push({
      watch: view.getInt32(at, true),
      mask: view.getUint32(at + 4, true),
      name: decoder.decode(end < 0 ? name : name.subarray(0, end)),
    });
    at += headerBytes + nameBytes;
  }
  return events;
}

/** Change notifications for directories (inotify(7)). One pool thread waits in read; the event loop stays free. */
export class Inotify {
  readonly #fd: number;
  readonly #buffer = new NativeBuffer(64 * 1024);
  #closed = false;

  /** @throws SysError EMFILE when fs.inotify.max_user_instances is used up. */
  constructor(onEvents: (events: InotifyEvent[]) => void, onError: (error: SysError) => void) {
    this.#fd = libc.inotify_init1(IN_CLOEXEC);
    if (this.#fd < 0) throw new SysError("inotify_init1", errno());
    const { bytes } = this.#buffer;
    const wait = () => {
      readAsync(this.#fd, bytes, 0, bytes.length, null, (error, count) => {
        if (this.#closed) close(this.#fd);
        else if (error) onError(new SysError("read", error.errno ?? 0, "inotify", { cause: error }));
        else {
          onEvents(parseInotify(bytes.subarray(0, count)));
          const more = this.#readMore();
          if (more.length > 0) onEvents(more);
          wait();
        }
      });
    };
    wait();
  }

  /**
   * What has come meanwhile, of which the end of a watch is always one: reading it here costs nothing, where the pool
   * wakes three threads for it, and they this one.
   */
  #readMore(): InotifyEvent[] {
    const count = !this.#closed && isReadable(this.#fd) ? readNext(this.#fd, this.#buffer) : 0;
    return parseInotify(this.#buffer.bytes.subarray(0, Math.max(0, count)));
  }

  /** Watches a directory. @returns the watch number events carry. @throws SysError ENOENT: it is gone; ENOSPC: max_user_watches is used up. */
  watch(path: string, mask: number): number {
    const watch = libc.inotify_add_watch(this.#fd, briefly(path).address, mask);
    if (watch < 0) throw new SysError("inotify_add_watch", errno(), path);
    return watch;
  }

  /** Ends a watch; the kernel has ended it already when the directory is gone. */
  unwatch(watch: number): void {
    libc.inotify_rm_watch(this.#fd, watch);
  }

  /** Ends all watches. The thread in read(2) would wait on and keep the process alive, so it is woken by one last event. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The end of a watch is an event (IN_IGNORED), and the root directory can always be watched.
    const last = libc.inotify_add_watch(this.#fd, root.address, IN_DELETE_SELF);
    if (last >= 0) libc.inotify_rm_watch(this.#fd, last);
  }
}
