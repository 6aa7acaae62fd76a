import { close, openDirectory, openReadAt } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import type { Reading } from "../decide/reading.ts";
import type { MemoryReader } from "./hierarchy.ts";

/**
 * Opens a cgroup, hands its open directory and a fresh reading over, and closes it again.
 * @returns null when the cgroup is gone
 */
export function readOnce<T>(
  reader: MemoryReader,
  directory: string,
  use: (reading: Reading, directoryFd: number) => T,
): T | null {
  const opened: number[] = [];
  const keep = (fd: number) => {
    if (fd >= 0) opened.push(fd);
    return fd;
  };
  try {
    const directoryFd = keep(openDirectory(cString(directory)));
    const usageFd = keep(openReadAt(directoryFd, reader.usageFile));
    const statFd = keep(openReadAt(directoryFd, reader.statFile));
    if (opened.length < 3) return null;
    const usageBytes = reader.usage({ usageFd });
    const reading =
      usageBytes < 0
        ? usageBytes
        : reader.reading({ directoryFd, statFd }, usageBytes, Number.POSITIVE_INFINITY);
    return typeof reading === "number" ? null : use(reading, directoryFd);
  } finally {
    for (const fd of opened) close(fd);
  }
}
