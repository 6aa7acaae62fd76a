import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Why the store could not do it: short, and the same for the same cause, so that it can be said once per cause. */
export type StoreReason =
  | "disk full"
  | "read-only"
  | "permission denied"
  | "corrupt"
  | "locked"
  | "newer schema"
  | "I/O error"
  | "invalid"
  | "unavailable";

/** What went wrong with the incident store, as a value: nothing in `record/` throws it. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason: StoreReason;
  readonly path: string;

  constructor(reason: StoreReason, path: string, detail: string, cause?: unknown) {
    super(`${path}: ${reason}${detail === "" ? "" : ` (${detail})`}`, { cause });
    this.reason = reason;
    this.path = path;
  }
}

/** The value, or why there is none. */
export type Stored<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: StoreError };

/** Runs it; what it throws becomes an error value. */
export function attempt<T>(path: string, action: () => T): Stored<T> {
  try {
    return { ok: true, value: action() };
  } catch (cause) {
    return { ok: false, error: storeError(path, cause) };
  }
}

/** Whatever SQLite or the file system threw, with its reason. */
export function storeError(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = codeOf(cause);
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(reasonFor(code, path), path, detail, cause);
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "";
}

function reasonFor(code: string, path: string): StoreReason {
  // CANTOPEN and IOERR stand for any cause (a full disk cannot hold the -shm file): look for it.
  if (/^SQLITE_(CANTOPEN|IOERR)/.test(code)) return probe(path) ?? "I/O error";
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return "disk full";
  if (/^(SQLITE_READONLY|EROFS)/.test(code)) return "read-only";
  if (/^(SQLITE_PERM|SQLITE_AUTH|EACCES|EPERM)/.test(code)) return "permission denied";
  if (/^(SQLITE_CORRUPT|SQLITE_NOTADB)/.test(code)) return "corrupt";
  if (/^(SQLITE_BUSY|SQLITE_LOCKED|SQLITE_PROTOCOL)/.test(code)) return "locked";
  if (/^(SQLITE_CONSTRAINT|SQLITE_MISMATCH|SQLITE_TOOBIG|SQLITE_RANGE)/.test(code)) return "invalid";
  return code === "EIO" ? "I/O error" : "unavailable";
}

/** What the file system says about the place, or null if it sees nothing wrong. */
function probe(path: string): StoreReason | null {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return "unavailable";
    accessSync(dirname(path), constants.W_OK);
    const { bavail, bsize } = statfsSync(dirname(path));
    // SQLite makes its -shm file 32K at a time.
    return bavail * bsize < 32 * 1024 ? "disk full" : null;
  } catch (cause) {
    const code = codeOf(cause);
    return code === "" || code.startsWith("SQLITE_") ? null : reasonFor(code, path);
  }
}
