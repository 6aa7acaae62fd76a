import { close, openDirectory, openFile } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { Armed } from "./hierarchy.ts";

/** Opens a cgroup's directory. @throws SysError */
export function openCgroup(directory: string): number {
  const fd = openDirectory(cString(directory));
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
  names: { readonly usage: string; readonly stat: string },
  more: (keep: (fd: number) => number) => T,
): Omit<Armed, "signals"> & T {
  const opened: number[] = [];
  const keep = (fd: number) => {
    opened.push(fd);
    return fd;
  };
  try {
    const directoryFd = keep(openCgroup(directory));
    const usageFd = keep(openFile(`${directory}/${names.usage}`, 0));
    const statFd = keep(openFile(`${directory}/${names.stat}`, 0));
    return { directoryFd, usageFd, statFd, ...more(keep) };
  } catch (error) {
    for (const fd of opened) close(fd);
    throw error;
  }
}
