import { ENOSYS } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { SysError } from "./sys-error.ts";

const SIGKILL = 9;
const PR_SET_DUMPABLE = 4;
// One number on every architecture (include/uapi/asm-generic/unistd.h).
const SYS_pidfd_send_signal = 424;

let havePidfd = true;

/**
 * SIGKILLs the process behind an open `/proc/PID` directory, so a pid that was given to somebody else in between is
 * never hit: pidfd_send_signal(2) takes such a descriptor from Linux 5.1 on. Older kernels get kill(2); the
 * caller has just checked through the same descriptor that the process is the right one.
 * @returns 0, or -errno (-ESRCH: it is already gone).
 */
export function sigkill(procDirectoryFd: number, pid: number): number {
  return send(procDirectoryFd, pid, SIGKILL);
}

/** Does what `sigkill` does, but sends nothing. */
export function sendNothing(procDirectoryFd: number, pid: number): number {
  return send(procDirectoryFd, pid, 0);
}

function send(procDirectoryFd: number, pid: number, signal: number): number {
  if (havePidfd) {
    if (libc.syscall(SYS_pidfd_send_signal, procDirectoryFd, signal, 0, 0) >= 0) return 0;
    const code = errno();
    if (code !== ENOSYS) return -code;
    havePidfd = false;
  }
  return libc.kill(pid, signal) < 0 ? -errno() : 0;
}

/**
 * No core file of this process is ever written: it would hold the credentials for the API server. A limit of zero
 * (RLIMIT_CORE) would not do where core_pattern is a pipe, as under systemd-coredump.
 * @throws SysError where a sandbox forbids prctl(2)
 */
export function forbidCoreFiles(): void {
  if (libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw new SysError("prctl", errno());
}
