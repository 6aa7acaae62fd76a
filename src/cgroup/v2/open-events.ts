import { ENOENT } from "../../../ffi/errno.ts";
import { openReadAt } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";

const localFile = cString("memory.events.local");
const wholeFile = cString("memory.events");

/**
 * Opens what counts the memory events of a cgroup itself, those of its children left out: memory.events.local (5.3).
 * Before 5.2 memory.events was just that.
 * @returns a descriptor, or -errno
 */
export function openEvents(directoryFd: number): number {
  const fd = openReadAt(directoryFd, localFile);
  return fd === -ENOENT ? openReadAt(directoryFd, wholeFile) : fd;
}
