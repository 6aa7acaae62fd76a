import { randomUUID } from "node:crypto";
import { openSync, unlinkSync, writeSync } from "node:fs";
import { arch } from "./arch.ts";
import { close } from "./file.ts";
import { libc } from "./libc.ts";
import { cString } from "./native-buffer.ts";

// include/uapi/linux/memfd.h, include/uapi/linux/fcntl.h
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** SEAL, SHRINK, GROW and WRITE: nobody changes it any more, so a receiver may map it without a copy. */
const ALL_SEALS = 15;

const name = cString("oom-guard");

/**
 * A file in memory with these bytes and no path, to be handed to another process: memfd_create(2), sealed. Where the
 * kernel has none (before 3.17, or vm.memfd_noexec forbids it) it is an unlinked file in `directory`, a tmpfs, which
 * cannot be sealed. journald takes both.
 * @returns a descriptor that the caller closes; null when there is no room, or no way
 */
export function sealedFile(bytes: Uint8Array, directory = "/dev/shm"): number | null {
  return memfd(bytes) ?? unlinkedFile(bytes, directory);
}

function memfd(bytes: Uint8Array): number | null {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = Number(libc.syscall(arch.SYS_memfd_create, name.address, flags, 0, 0));
  if (fd < 0) return null;
  if (fill(fd, bytes) && libc.fcntl(fd, F_ADD_SEALS, ALL_SEALS) >= 0) return fd;
  close(fd);
  return null;
}

/** What `sealedFile` makes without memfd_create(2). */
export function unlinkedFile(bytes: Uint8Array, directory: string): number | null {
  try {
    const path = `${directory}/oom-guard-${randomUUID()}`;
    // Everybody may write there: "x" takes no file or link of somebody else's.
    const fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    if (fill(fd, bytes)) return fd;
    close(fd);
  } catch {
    // No such directory, or it is full.
  }
  return null;
}

function fill(fd: number, bytes: Uint8Array): boolean {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
    return true;
  } catch {
    return false;
  }
}
