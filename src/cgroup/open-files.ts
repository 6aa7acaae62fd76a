import { close, openBelow, openDirectory } from "../../ffi/file.ts";
import { briefly, type NativeBuffer } from "../../ffi/native-buffer.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { Armed } from "./hierarchy.ts";

/** Opens a cgroup's directory. @throws SysError */
export function openCgroup(directory: string): number {
  const fd = openDirectory(briefly(directory));
  if (fd < 0) throw new SysError("open", -fd, directory);
  return fd;
}

/**
 * Opens what every watch reads.
 * @param more opens the rest, and keeps it with `keep`; nothing stays open when something throws
 * @throws SysError
 */
export function openFiles<T>(
  directory: string,
  files: { readonly usage: NativeBuffer; readonly stat: NativeBuffer },
  more: (keep: (fd: number) => number, directoryFd: number) => T,
): Omit<Armed, "signals"> & T {
  const opened: number[] = [];
  const keep = (fd: number) => {
    opened.push(fd);
    return fd;
  };
  try {
    const directoryFd = keep(openCgroup(directory));
    const usageFd = keep(openBelow(directoryFd, directory, files.usage, "read"));
    const statFd = keep(openBelow(directoryFd, directory, files.stat, "read"));
    return { directoryFd, usageFd, statFd, ...more(keep, directoryFd) };
  } catch (error) {
    for (const fd of opened) close(fd);
    throw error;
  }
}
