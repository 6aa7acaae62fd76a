import { close as closeAsync, write as writeAsync } from "node:fs";
import { arch } from "./arch.ts";
import { writeElsewhere } from "./async-write.ts";
import { EINTR } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { briefly, NativeBuffer, textOf } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

// Calls for the hot path: no allocation, no exception. Each answers a non-negative result, or -errno.

const AT_FDCWD = -100;
const O_RDONLY = 0;
const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** A text as the C library wants it: of `cString`, or of `briefly`. */
type CPath = Pick<NativeBuffer, "address">;

/** Opens for reading, relative to an open directory. @returns a descriptor, or -errno. */
export function openReadAt(directoryFd: number, path: NativeBuffer): number {
  const fd = libc.openat(directoryFd, path.address, O_RDONLY | O_CLOEXEC, 0);
  return fd < 0 ? -errno() : fd;
}

/** Opens for writing, relative to an open directory. @returns a descriptor, or -errno. */
export function openWriteAt(directoryFd: number, path: NativeBuffer): number {
  const fd = libc.openat(directoryFd, path.address, O_WRONLY | O_CLOEXEC, 0);
  return fd < 0 ? -errno() : fd;
}

/** Opens a directory below another one (or an absolute path). @returns a descriptor, or -errno. */
export function openDirectoryAt(directoryFd: number, path: CPath): number {
  const fd = libc.openat(directoryFd, path.address, O_RDONLY | O_CLOEXEC | arch.O_DIRECTORY, 0);
  return fd < 0 ? -errno() : fd;
}

/** Opens a directory. @returns a descriptor, or -errno. */
export function openDirectory(path: CPath): number {
  return openDirectoryAt(AT_FDCWD, path);
}

/** Reads from the start of the file: cgroup and proc files make their text anew for each such read. @returns bytes read, or -errno. */
export function readFromStart(fd: number, into: NativeBuffer): number {
  const count = Number(libc.pread(fd, into.address, into.bytes.length, 0));
  return count < 0 ? -errno() : count;
}

/** Reads on from where the descriptor stands. @returns bytes read, 0 at the end, or -errno. */
export function readNext(fd: number, into: NativeBuffer): number {
  const count = Number(libc.read(fd, into.address, into.bytes.length));
  return count < 0 ? -errno() : count;
}

/** Writes the first `length` bytes at a place in the file. @returns bytes written, or -errno. */
export function writeAt(fd: number, from: NativeBuffer, length: number, offset: number): number {
  const count = Number(libc.pwrite(fd, from.address, length, offset));
  return count < 0 ? -errno() : count;
}

/** Directory entries in the kernel's own layout (struct linux_dirent64, see `cgroup/children.ts`). @returns bytes, 0 at the end, or -errno. */
export function readDirectory(fd: number, into: NativeBuffer): number {
  const count = Number(libc.syscall(arch.SYS_getdents64, fd, into.address, into.bytes.length, 0));
  return count < 0 ? -errno() : count;
}

// struct stat has 144 bytes on x86-64, 128 on arm64.
const stat = new NativeBuffer(256);

/**
 * How many links an open file has, 0 when that cannot be told. The system call itself: glibc has no fstat before 2.33,
 * only inline wrappers.
 */
export function linkCount(fd: number): number {
  if (Number(libc.syscall(arch.SYS_fstat, fd, stat.address, 0, 0)) < 0) return 0;
  // More than 2^32 subdirectories do not fit into the file system, so the lower half of a wide count will do.
  return stat.view.getUint32(arch.linkCountOffset, true);
}

/** The same of one that is not open, and so in one call instead of three. */
export function linkCountOf(path: string): number {
  const { address } = briefly(path);
  if (Number(libc.syscall(arch.SYS_newfstatat, AT_FDCWD, address, stat.address, 0)) < 0) return 0;
  return stat.view.getUint32(arch.linkCountOffset, true);
}

/** Moves a directory descriptor back to its first entry. */
export function rewind(fd: number): void {
  libc.lseek(fd, 0, 0);
}

const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor for the same open file, the first free one from `least` on. @returns it, or -errno. */
export function duplicate(fd: number, least = 0): number {
  const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, least);
  return copy < 0 ? -errno() : copy;
}

/** Closes a descriptor. EINTR still closes it on Linux, so it is no error. */
export function close(fd: number): void {
  libc.close(fd);
}

/** The same on a thread of the pool, where the kernel takes its time over it. */
export function closeInPool(fd: number): void {
  closeAsync(fd, () => undefined);
}

// Calls for everything else: they throw SysError.

/** Opens a file below an open directory, for reading or for writing. @param directory its path, for the error @throws SysError */
export function openBelow(
  directoryFd: number,
  directory: string,
  file: NativeBuffer,
  purpose: "read" | "write",
): number {
  const fd = purpose === "read" ? openReadAt(directoryFd, file) : openWriteAt(directoryFd, file);
  if (fd < 0) throw new SysError("open", -fd, `${directory}/${textOf(file)}`);
  return fd;
}

/** Opens a file with the given open(2) flags. @throws SysError */
export function openFile(path: string, flags: number, mode = 0o600): number {
  const fd = libc.openat(AT_FDCWD, briefly(path).address, flags | O_CLOEXEC, mode);
  if (fd < 0) throw new SysError("open", errno(), path);
  return fd;
}

/**
 * Opens a control file to be written into. Where a kernel can leave a part of the work for later, it is asked to
 * (O_NONBLOCK). @throws SysError
 */
export function openForWriting(path: string): number {
  return openFile(path, O_WRONLY | O_NONBLOCK);
}

/**
 * Writes a whole text to an open control file on another thread, the C library's or else one of the pool, where the kernel
 * takes long over it. @param path for the error @throws SysError
 */
export function writeInPool(fd: number, path: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (code: number) => {
      if (code === 0) resolve();
      else reject(new SysError("write", code, path));
    };
    if (!writeElsewhere(fd, text, settle))
      writeAsync(fd, text, (error) => settle(error === null ? 0 : Math.abs(error.errno ?? 0)));
  });
}

/** The same for one write only. @throws SysError */
export async function writeControlInPool(path: string, text: string): Promise<void> {
  const fd = openForWriting(path);
  try {
    await writeInPool(fd, path, text);
  } finally {
    close(fd);
  }
}

/** Writes a whole text to a control file with one write, as cgroup files want it. @throws SysError */
export function writeControl(path: string, text: string): void {
  const fd = openFile(path, O_WRONLY);
  try {
    writeWhole(fd, path, text);
  } finally {
    close(fd);
  }
}

/** The same where what was written holds as long as the file is open. @returns the descriptor @throws SysError */
export function openControl(path: string, text: string): number {
  const fd = openFile(path, O_RDWR | O_NONBLOCK);
  try {
    writeWhole(fd, path, text);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Writes a whole text to an open control file with one write. @param path for the error @throws SysError */
export function writeWhole(fd: number, path: string, text: string): void {
  const { address, lengthBytes } = briefly(text);
  while (libc.write(fd, address, lengthBytes) < 0) {
    const code = errno();
    if (code !== EINTR) throw new SysError("write", code, path);
  }
}
