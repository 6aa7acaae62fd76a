import { arch } from "./arch.ts";
import { EINTR } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLPRI = 0x2;
const EPOLLONESHOT = 1 << 30;
const EPOLLET = 1 << 31;

/** What of a descriptor wakes the waiter: data to read (an eventfd), or an event (a file of cgroup v2, a PSI trigger). */
export type Readiness = "readable" | "priority";

const heard: Readonly<Record<Readiness, number>> = {
  readable: EPOLLIN | EPOLLET,
  priority: EPOLLPRI | EPOLLET,
};
// A file of cgroup v2 tells of an event with EPOLLERR, too, which cannot be masked (kernfs_generic_poll(), fs/kernfs/file.c).
// Only a oneshot that has fired is silent.
const silent: Readonly<Record<Readiness, number>> = {
  readable: EPOLLET,
  priority: EPOLLPRI | EPOLLET | EPOLLONESHOT,
};

/**
 * Waits on many descriptors at once (epoll(7)). Edge-triggered: an eventfd wakes the waiter at each signal without
 * having to be read, and a descriptor nobody drains can never make the waiter spin.
 */
export class Epoll {
  readonly #fd: number;
  readonly #change = new NativeBuffer(arch.epollEventBytes);
  readonly #ready: NativeBuffer;
  readonly #capacity: number;

  /** @param capacity how many ready descriptors one `wait` can report. @throws SysError */
  constructor(capacity: number) {
    this.#fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw new SysError("epoll_create1", errno());
    this.#capacity = capacity;
    this.#ready = new NativeBuffer(capacity * arch.epollEventBytes);
  }

  /** Watches a descriptor; `tag` (below 2^53) comes back from `wait`. @throws SysError */
  add(fd: number, tag: number, wakes: Readiness = "readable"): void {
    this.#control(EPOLL_CTL_ADD, fd, heard[wakes], tag);
  }

  /** Adds a descriptor that stays silent until `listen`; "priority" may be reported once more. @throws SysError */
  addSilent(fd: number, tag: number, wakes: Readiness = "readable"): void {
    this.#control(EPOLL_CTL_ADD, fd, silent[wakes], tag);
  }

  /** Reports the descriptor's next readiness, once; a signal that came while it was silent counts. @throws SysError */
  listenOnce(fd: number, tag: number, wakes: Readiness = "readable"): void {
    this.#control(EPOLL_CTL_MOD, fd, heard[wakes] | EPOLLONESHOT, tag);
  }

  /** Keeps a watched descriptor silent until `listen`; "priority" may be reported once more. @throws SysError */
  silence(fd: number, tag: number, wakes: Readiness = "readable"): void {
    this.#control(EPOLL_CTL_MOD, fd, silent[wakes], tag);
  }

  /** Reports the descriptor's readiness again; a signal that came while it was silent counts. @throws SysError */
  listen(fd: number, tag: number, wakes: Readiness = "readable"): void {
    this.#control(EPOLL_CTL_MOD, fd, heard[wakes], tag);
  }

  /** Stops watching a descriptor; one that is not watched is no error. */
  remove(fd: number): void {
    libc.epoll_ctl(this.#fd, EPOLL_CTL_DEL, fd, this.#change.address);
  }

  /** Blocks the thread. @param timeoutMs -1 waits for ever. @returns how many are ready; 0 after the timeout or a signal. @throws SysError */
  wait(timeoutMs: number): number {
    const count = libc.epoll_wait(this.#fd, this.#ready.address, this.#capacity, timeoutMs);
    if (count >= 0) return count;
    const code = errno();
    if (code === EINTR) return 0;
    throw new SysError("epoll_wait", code);
  }

  close(): void {
    libc.close(this.#fd);
  }

  /** The tag of the i-th ready descriptor after `wait`. */
  tagAt(index: number): number {
    const at = index * arch.epollEventBytes + arch.epollDataOffset;
    return this.#ready.view.getUint32(at, true) + this.#ready.view.getUint32(at + 4, true) * 2 ** 32;
  }

  #control(operation: number, fd: number, events: number, tag: number): void {
    this.#change.view.setUint32(0, events >>> 0, true);
    this.#change.view.setUint32(arch.epollDataOffset, tag % 2 ** 32, true);
    this.#change.view.setUint32(arch.epollDataOffset + 4, Math.floor(tag / 2 ** 32), true);
    if (libc.epoll_ctl(this.#fd, operation, fd, this.#change.address) < 0) {
      throw new SysError("epoll_ctl", errno());
    }
  }
}
