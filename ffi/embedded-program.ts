import { closeSync, openSync, readSync } from "node:fs";
import { pageBytes } from "./sysinfo.ts";

/** A part of the address space, in whole pages. */
export interface PageRange {
  readonly address: number;
  readonly lengthBytes: number;
}

// elf(5), 64 bits, little-endian: what both architectures have.
const HEADER_BYTES = 64;
const TYPE = 16;
const ET_EXEC = 2;
const TABLE_OFFSET = 40;
const ENTRY_BYTES = 58;
const ENTRY_COUNT = 60;
const NAMES_ENTRY = 62;
const NAME = 0;
const ADDRESS = 16;
const FILE_OFFSET = 24;
const LENGTH = 32;

const SECTION = ".bun\0";
const PAGEMAP_ENTRY_BYTES = 8;
// Documentation/admin-guide/mm/pagemap.rst, bits 61 to 63 in the upper half.
const PRESENT = 2 ** 31;
const SWAPPED = 2 ** 30;
const OF_FILE = 2 ** 29;

/**
 * Where the program's JavaScript, its text and its bytecode, lies in memory: `bun build --compile` puts it into a section
 * of its own, between data that is written. Whole pages of it only.
 * @returns null where there is none, or it has no fixed address
 */
export function embeddedProgram(executable = process.execPath): PageRange | null {
  const fd = openSync(executable, "r");
  try {
    const header = read(fd, 0, HEADER_BYTES);
    if (header.readUInt16LE(TYPE) !== ET_EXEC) return null;
    const [entryBytes, count] = [header.readUInt16LE(ENTRY_BYTES), header.readUInt16LE(ENTRY_COUNT)];
    const table = read(fd, Number(header.readBigUInt64LE(TABLE_OFFSET)), entryBytes * count);
    const wideAt = (entry: number, field: number) =>
      Number(table.readBigUInt64LE(entry * entryBytes + field));
    const namesEntry = header.readUInt16LE(NAMES_ENTRY);
    const names = read(fd, wideAt(namesEntry, FILE_OFFSET), wideAt(namesEntry, LENGTH));
    for (let entry = 0; entry < count; entry++) {
      const name = table.readUInt32LE(entry * entryBytes + NAME);
      if (names.toString("latin1", name, name + SECTION.length) !== SECTION) continue;
      return wholePages(wideAt(entry, ADDRESS), wideAt(entry, LENGTH));
    }
    return null;
  } finally {
    closeSync(fd);
  }
}

/** Whether what is in memory of a part of a file is still what is in the file: nobody has written to it. */
export function isUnwritten({ address, lengthBytes }: PageRange): boolean {
  const fd = openSync("/proc/self/pagemap", "r");
  try {
    const entryAt = (bytes: number) => (bytes / pageBytes) * PAGEMAP_ENTRY_BYTES;
    const entries = read(fd, entryAt(address), entryAt(lengthBytes));
    for (let at = 4; at < entries.length; at += PAGEMAP_ENTRY_BYTES) {
      const flags = entries.readUInt32LE(at);
      if (flags & SWAPPED || (flags & PRESENT && !(flags & OF_FILE))) return false;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

function wholePages(address: number, lengthBytes: number): PageRange {
  const from = Math.ceil(address / pageBytes) * pageBytes;
  const to = Math.floor((address + lengthBytes) / pageBytes) * pageBytes;
  return { address: from, lengthBytes: Math.max(0, to - from) };
}

function read(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}
