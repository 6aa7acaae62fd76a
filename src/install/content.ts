import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

/** The content of a file to be: its text, or a descriptor of the file it is copied from. */
export type Content = number | string;

const PIECE_BYTES = 1 << 20;

/** Whether the file at `path` holds exactly this. @throws what node:fs throws */
export function holds(path: string, content: Content): boolean {
  const fd = openSync(path, "r");
  try {
    const { dev, ino, size } = fstatSync(fd);
    if (typeof content === "number") {
      const source = fstatSync(content);
      // The running executable is the installed one.
      if (source.dev === dev && source.ino === ino) return true;
      if (source.size !== size) return false;
    }
    let offset = 0;
    for (const piece of pieces(content)) {
      const found = Buffer.alloc(piece.length);
      if (readSync(fd, found, 0, found.length, offset) !== found.length || !found.equals(piece)) return false;
      offset += piece.length;
    }
    return offset === size;
  } finally {
    closeSync(fd);
  }
}

/** Writes it to an empty file that is open for writing. @throws what node:fs throws */
export function writeContent(fd: number, content: Content): void {
  for (const piece of pieces(content)) {
    for (let written = 0; written < piece.length; ) written += writeSync(fd, piece, written);
  }
}

/** A piece is valid until the next one is asked for: the executable has a hundred of them. */
function* pieces(content: Content): Generator<Buffer> {
  if (typeof content === "string") {
    yield Buffer.from(content);
    return;
  }
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let offset = 0; ; ) {
    const count = readSync(content, piece, 0, piece.length, offset);
    if (count === 0) return;
    yield piece.subarray(0, count);
    offset += count;
  }
}
