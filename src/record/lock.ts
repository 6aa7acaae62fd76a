import { mkdirSync, readFileSync, statSync } from "node:fs";
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

/**
 * The guard that holds the lock of a state directory, without a try to take it: one that starts at this moment must not
 * find it taken.
 * @param procRoot usually "/proc" @returns its pid; null: nobody holds it @throws what node:fs throws
 */
export function lockHolder(stateDir: string, procRoot: string): number | null {
  const path = `${stateDir}/lock`;
  const file = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (file === undefined) return null;
  const written = /^pid (\d+)/.exec(readFileSync(path, "utf8"))?.[1];
  // "1: FLOCK  ADVISORY  WRITE 15170 fe:00:2148583 0 EOF" (proc(5)). Inode numbers repeat on other file systems, and
  // the device is not always the one that stat tells (btrfs), so the holder must be the one that wrote its pid there.
  for (const [, pid, inode] of readFileSync(`${procRoot}/locks`, "utf8").matchAll(
    /FLOCK\s+ADVISORY\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)/g,
  )) {
    if (inode === String(file.ino) && pid === written) return Number(pid);
  }
  return null;
}
