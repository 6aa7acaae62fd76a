import { errnoName } from "./errno.ts";

/** A system call that failed: which one, why, and on what. The one error type of everything that talks to the OS. */
export class SysError extends Error {
  override readonly name = "SysError";
  readonly syscall: string;
  readonly errno: number;
  /** Symbolic errno, such as "ENOENT". */
  readonly code: string;
  readonly path: string | null;

  constructor(syscall: string, errno: number, path: string | null = null, options?: ErrorOptions) {
    const code = errnoName(errno);
    super(path === null ? `${syscall}: ${code}` : `${syscall} ${path}: ${code}`, options);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.path = path;
  }
}
