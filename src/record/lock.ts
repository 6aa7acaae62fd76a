import { mkdirSync, readFileSync } from "node:fs";
import { close, openFile, writeControl } from "../../ffi/file.ts";
import { tryLock } from "../../ffi/flock.ts";

/** Either the lock, or who holds it. */
export type LockResult =
  | { readonly held: true; release(): void }
  | { readonly held: false; readonly holder: string };

const O_RDWR_CREAT = 0o2 | 0o100;

/**
 * Makes this process the only guard on a state directory. The kernel drops the lock with the process, however it ends;
 * the file's text only serves the message. Makes the directory when it is missing.
 * @throws what node:fs throws, or SysError
 */
export function lockStateDir(stateDir: string): LockResult {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = `${stateDir}/lock`;
  const fd = openFile(path, O_RDWR_CREAT);
  if (!tryLock(fd, path)) {
    close(fd);
    return { held: false, holder: readFileSync(path, "utf8").trim() };
  }
  writeControl(path, `pid ${process.pid}, since ${new Date().toISOString()}          `);
  return { held: true, release: () => close(fd) };
}
