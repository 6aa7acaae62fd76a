import { EAGAIN } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { SysError } from "./sys-error.ts";

const LOCK_EX_NB = 2 | 4;

/** Takes an exclusive lock that the kernel drops with the process (flock(2)). @returns false when somebody holds it. @throws SysError */
export function tryLock(fd: number, path: string): boolean {
  if (libc.flock(fd, LOCK_EX_NB) === 0) return true;
  const code = errno();
  if (code === EAGAIN) return false;
  throw new SysError("flock", code, path);
}
