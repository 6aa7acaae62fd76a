import { constants, Database } from "bun:sqlite";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { storeError } from "./store-error.ts";

/** Another writer is a mistake (a second daemon) or `scan --enforce` for a moment; the main thread must not wait long. */
export const BUSY_MS = 100;

/** Corrupt files kept for whoever wants to look: a dying disk could make one at every start. */
const MAX_ASIDE = 3;

/**
 * Makes the file (0600) and its directory (0700) where they are missing; SQLite gives its -wal and -shm files the
 * mode of the database. An existing file is not opened here: closing a second descriptor of a file drops the locks
 * that SQLite holds on it (POSIX advisory locks belong to the process).
 */
export function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
}

/**
 * Opens a database to read, also while another process writes it; null when there is none. In WAL mode a reader
 * needs the -shm file and makes it if it has to. Where the file system is read-only that fails; then no writer can
 * be there either, and unless a -wal file waits to be merged, the database can be read as it lies.
 */
export function openReadOnly(path: string): Database | null {
  if (!existsSync(path)) return null;
  const db = new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.query("PRAGMA schema_version").get();
    return db;
  } catch (error) {
    db.close();
    const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
    if (storeError(path, error).reason !== "read-only" || (wal?.size ?? 0) > 0) throw error;
    return new Database(immutableUri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  }
}

/** Moves a corrupt database and its log out of the way, and keeps the newest few of such. @returns its new path. */
export function setAside(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, "");
  const aside = `${path}.corrupt-${stamp}`;
  renameSync(path, aside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`);
  rmSync(`${path}-shm`, { force: true });

  const prefix = `${basename(path)}.corrupt-`;
  const older = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && !name.endsWith("-wal"))
    .sort()
    .slice(0, -MAX_ASIDE);
  for (const name of older)
    for (const suffix of ["", "-wal"]) rmSync(join(dirname(path), name + suffix), { force: true });
  return aside;
}

function immutableUri(path: string): string {
  return `file://${path.split("/").map(encodeURIComponent).join("/")}?immutable=1`;
}
