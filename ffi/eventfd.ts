import { errno, libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** A new event counter, the kernel's way to notify about a cgroup (eventfd(2)). @throws SysError */
export function createEventfd(): number {
  const fd = libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw new SysError("eventfd", errno());
  return fd;
}

const one = new NativeBuffer(8);
one.view.setBigUint64(0, 1n, true);

/** Wakes whoever waits on the counter. @throws SysError */
export function signalEventfd(fd: number): void {
  if (libc.write(fd, one.address, 8) < 0) throw new SysError("write", errno(), "eventfd");
}

const counter = new NativeBuffer(8);

/** Takes what the counter holds and sets it back. @returns how often it was signalled since the last call. */
export function drainEventfd(fd: number): number {
  return libc.read(fd, counter.address, 8) === 8 ? Number(counter.view.getBigUint64(0, true)) : 0;
}
