import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import type { Parsed } from "./parsed.ts";

const PIECE_BYTES = 16 * 1024;

/** What is in the file, that there is none, or why it cannot be read (the end of a sentence). */
export type FileText = Parsed<string> | "absent";

/** Reads a small text file afresh. Whatever the path names, this neither waits nor takes much memory. */
export function readSmallFile(path: string, largestBytes: number): FileText {
  try {
    // Looked at before it is opened: opening a FIFO waits for a writer, opening a device may do anything.
    const refusal = refuse(statSync(path), largestBytes);
    return refusal === null ? readRegularFile(path, largestBytes) : { ok: false, message: refusal };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "absent";
    return { ok: false, message: `cannot be read: ${reasons[code ?? ""] ?? code ?? "unknown error"}` };
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EIO: "input/output error",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
  EPERM: "not permitted",
};

function refuse(stats: Stats, largestBytes: number): string | null {
  if (stats.isDirectory()) return "is a directory, must be a file";
  if (!stats.isFile()) return "must be a regular file, not a pipe, socket or device";
  return stats.size > largestBytes ? tooLarge(largestBytes) : null;
}

function tooLarge(largestBytes: number): string {
  return `is too large, must be at most ${largestBytes / 1024}K`;
}

/** Looks again at what was opened, and never reads more than the largest size and one byte: files change. */
function readRegularFile(path: string, largestBytes: number): Parsed<string> {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    const refusal = refuse(stats, largestBytes);
    if (refusal !== null) return { ok: false, message: refusal };
    const bytes = readBytes(descriptor, largestBytes + 1);
    if (bytes.length > largestBytes) return { ok: false, message: tooLarge(largestBytes) };
    return decode(bytes);
  } finally {
    closeSync(descriptor);
  }
}

/** In pieces: a buffer of the largest size for each small file is megabytes of garbage. */
function readBytes(descriptor: number, atMost: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length < atMost) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, atMost - length));
    const count = readSync(descriptor, piece, 0, piece.length, null);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    length += count;
  }
  return Buffer.concat(pieces);
}

function decode(bytes: Uint8Array): Parsed<string> {
  try {
    return { ok: true, value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, message: "must be UTF-8 text" };
  }
}
