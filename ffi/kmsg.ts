import { read as readAsync } from "node:fs";
import { arch } from "./arch.ts";
import { ENODEV } from "./errno.ts";
import { close, openFile } from "./file.ts";
import { libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

// Documentation/ABI/testing/dev-kmsg

const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;
const SEEK_SET = 0;
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
export const STANDARD_INPUT = 0;
/** Character device 1:11 (Documentation/admin-guide/devices.txt), as struct stat holds it. */
const KMSG_DEVICE = (1 << 8) | 11;

// struct stat has 144 bytes on x86-64, 128 on arm64.
const stat = new NativeBuffer(256);

/** Whether a descriptor is the kernel's log, by whatever path it was opened. */
export function isKmsg(fd: number): boolean {
  if (Number(libc.syscall(arch.SYS_fstat, fd, stat.address, 0, 0)) < 0) return false;
  const isDevice = (stat.view.getUint32(arch.modeOffset, true) & S_IFMT) === S_IFCHR;
  return isDevice && stat.view.getUint32(arch.deviceOffset, true) === KMSG_DEVICE;
}

/**
 * Opens the kernel's log at its first record. Where the standard input is the log it is that one: systemd hands it over
 * (StandardInput=file:/dev/kmsg) to a service that may not open it, and nobody asks for rights again when it is read.
 * @param path usually "/dev/kmsg"
 * @throws SysError EPERM: kernel.dmesg_restrict without CAP_SYSLOG, or device rules; ENODEV: something else is there, as in
 * containers that have the console or nothing in its place
 */
export function openKmsg(path: string): number {
  const fd = isKmsg(STANDARD_INPUT) ? STANDARD_INPUT : openFile(path, O_NONBLOCK | O_NOCTTY);
  if (!isKmsg(fd)) {
    close(fd);
    throw new SysError("open", ENODEV, path);
  }
  libc.lseek(fd, 0, SEEK_SET);
  return fd;
}

/** Whether reading at the log's end waits for the next record, or fails with EAGAIN. The kernel looks at each read. */
export function setWaiting(fd: number, waits: boolean): void {
  libc.fcntl(fd, F_SETFL, waits ? 0 : O_NONBLOCK);
}

/**
 * Waits for the next record on a thread of the pool. Nothing but a record ends the wait, not even closing the descriptor:
 * a process with nothing else to do has to be ended with process.exit.
 * @param done gets the bytes read, or -errno
 */
export function readInPool(fd: number, into: Uint8Array, done: (count: number) => void): void {
  readAsync(fd, into, 0, into.length, null, (error, count) => {
    done(error === null ? count : -Math.abs(error.errno ?? 0));
  });
}
