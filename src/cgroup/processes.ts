import { close, openReadAt, readNext } from "../../ffi/file.ts";
import { cString, NativeBuffer } from "../../ffi/native-buffer.ts";
import { walkOpen } from "./children.ts";

const procsFile = cString("cgroup.procs");
const chunk = new NativeBuffer(64 * 1024);
const NEWLINE = 10;
const ZERO = 48;

/**
 * Appends the pids in one cgroup, its children left out. The file is opened afresh each time: the kernel serves a pid
 * list up to a second old through a descriptor that is kept open (cgroup v1).
 */
function appendPids(directoryFd: number, pids: number[]): void {
  const fd = openReadAt(directoryFd, procsFile);
  if (fd < 0) return;
  let pid = 0;
  for (let count = readNext(fd, chunk); count > 0; count = readNext(fd, chunk)) {
    for (let i = 0; i < count; i++) {
      const byte = chunk.bytes[i]!;
      if (byte !== NEWLINE) pid = pid * 10 + (byte - ZERO);
      else {
        // 0 stands for a process of another pid namespace, which nobody here can name.
        if (pid > 0) pids.push(pid);
        pid = 0;
      }
    }
  }
  close(fd);
}

/** The pids in an open cgroup and everything below it, in the kernel's order. Empty when it is gone. */
export function pidsBelow(directoryFd: number): number[] {
  const pids: number[] = [];
  walkOpen(directoryFd, "/", (fd) => {
    appendPids(fd, pids);
    return true;
  });
  return pids;
}
