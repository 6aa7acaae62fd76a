import { close, linkCount, linkCountOf, openDirectoryAt, readDirectory, rewind } from "../../ffi/file.ts";
import { cString, NativeBuffer } from "../../ffi/native-buffer.ts";
import { openCgroup } from "./open-files.ts";

// struct linux_dirent64 (include/linux/dirent.h): u64 ino, s64 offset, u16 record length, u8 type, name.
const RECORD_LENGTH = 16;
const TYPE = 18;
const NAME = 19;
const DT_DIR = 4;
const DOT = 46;
const LEAF_LINKS = 2;

const entries = new NativeBuffer(32 * 1024);
const decoder = new TextDecoder();

/**
 * Names of the child cgroups of an open cgroup directory, the oldest first: that is how the kernel's OOM killer walks
 * them, while the directory lists them by hash. Inode numbers tell their age. An unreadable (removed) one has none.
 */
export function childNames(directoryFd: number): string[] {
  // A cgroup directory has two links and one for each child (fs/kernfs): one call instead of three tells a leaf.
  if (linkCount(directoryFd) === LEAF_LINKS) return [];
  const found: { inode: bigint; name: string }[] = [];
  rewind(directoryFd);
  for (let length = readDirectory(directoryFd, entries); length > 0; ) {
    for (let at = 0; at < length; at += entries.view.getUint16(at + RECORD_LENGTH, true)) {
      if (entries.bytes[at + TYPE] !== DT_DIR) continue;
      const start = at + NAME;
      const end = entries.bytes.indexOf(0, start);
      const dots =
        end - start <= 2 &&
        entries.bytes[start] === DOT &&
        (end - start === 1 || entries.bytes[start + 1] === DOT);
      if (dots) continue;
      const name = decoder.decode(entries.bytes.subarray(start, end));
      found.push({ inode: entries.view.getBigUint64(at, true), name });
    }
    length = readDirectory(directoryFd, entries);
  }
  found.sort((a, b) => (a.inode < b.inode ? -1 : 1));
  return found.map(({ name }) => name);
}

/** The same of one that is not open. @throws SysError */
export function childNamesBelow(directory: string): string[] {
  if (linkCountOf(directory) === LEAF_LINKS) return [];
  const fd = openCgroup(directory);
  try {
    return childNames(fd);
  } finally {
    close(fd);
  }
}

/**
 * Calls `visit` for an open cgroup and every cgroup below it, parents first. The descriptor given is only lent; those
 * of the children are closed after their subtree. `visit` answers whether to go on below that cgroup.
 */
export function walkOpen(
  directoryFd: number,
  cgroup: string,
  visit: (directoryFd: number, cgroup: string) => boolean,
): void {
  if (!visit(directoryFd, cgroup)) return;
  for (const name of childNames(directoryFd)) {
    const child = openDirectoryAt(directoryFd, cString(name));
    if (child < 0) continue;
    try {
      walkOpen(child, cgroup === "/" ? `/${name}` : `${cgroup}/${name}`, visit);
    } finally {
      close(child);
    }
  }
}
