import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Content, holds, writeContent } from "./content.ts";
import { makeDirectory } from "./make-directory.ts";

/** What is to be at a place. */
export interface Placement {
  readonly mode: number;
  readonly content: Content;
  /** If anything is there already, it stays. */
  readonly belongsToUser: boolean;
}

/** What became of it. */
export type Placed = "installed" | "updated" | "unchanged" | "kept";

/**
 * Puts a file in place so that at every moment the old one or the whole new one is there: written beside it, made
 * durable, renamed over it. A running executable can be replaced so; writing into it cannot be done (ETXTBSY). Of a
 * link the link is replaced, and what it points to left alone.
 * @throws what node:fs throws, or Error for what is not to be replaced
 */
export function placeFile(path: string, placement: Placement): Placed {
  const old = lstatSync(path, { throwIfNoEntry: false });
  if (old !== undefined) {
    if (placement.belongsToUser) return "kept";
    refuseToReplace(path, old);
  }
  makeDirectory(dirname(path));
  removeLeftovers(path);
  if (old !== undefined && isSame(path, old, placement)) return "unchanged";
  writeBeside(path, placement);
  return old === undefined ? "installed" : "updated";
}

function refuseToReplace(path: string, old: Stats): void {
  if (!old.isFile() && !old.isSymbolicLink()) throw new Error(`${path} is not a file: move it away`);
  if (isMasked(path)) {
    throw new Error(`${path} is masked: systemctl unmask ${basename(path)}, or remove the link`);
  }
}

/** Whether somebody does not want this unit to start (systemctl mask): then the link is theirs. @throws what node:fs throws */
export function isMasked(path: string): boolean {
  return (
    lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true &&
    readlinkSync(path) === "/dev/null"
  );
}

function isSame(path: string, old: Stats, { mode, content }: Placement): boolean {
  // Somebody else's file could be changed by them tomorrow, and runs as root.
  const isOurs = old.isFile() && (old.mode & 0o7777) === mode && old.uid === process.geteuid?.();
  return isOurs && holds(path, content);
}

function writeBeside(path: string, { mode, content }: Placement): void {
  const beside = join(dirname(path), `${besidePrefix(path)}${process.pid}`);
  try {
    const fd = openSync(beside, "wx", 0o600);
    try {
      writeContent(fd, content);
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** systemd and journalctl pass over names with a dot in front. */
const besidePrefix = (path: string) => `.${basename(path)}.new-`;

/** An earlier run that was killed could not take its half-written file away. */
function removeLeftovers(path: string): void {
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(besidePrefix(path))) continue;
    const pid = name.slice(besidePrefix(path).length);
    // Another one that runs right now will come to its rename, or removes the same leftovers.
    if (pid === `${process.pid}` || !existsSync(`/proc/${pid}`))
      rmSync(join(dirname(path), name), { force: true });
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
