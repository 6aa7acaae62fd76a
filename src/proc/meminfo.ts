import { FieldParser } from "./field-parser.ts";

/** What is taken of /proc/meminfo, in bytes; null where this kernel has no such line. */
export interface Meminfo {
  readonly totalBytes: number | null;
  /** Linux's own estimate of what could be allocated without swapping; since 3.14. */
  readonly availableBytes: number | null;
  readonly commitLimitBytes: number | null;
  readonly committedBytes: number | null;
}

const parser = new FieldParser(["MemTotal", "MemAvailable", "CommitLimit", "Committed_AS"]);
const values = new Float64Array(4);

/** Parses /proc/meminfo (Documentation/filesystems/proc.rst). */
export function parseMeminfo(text: Uint8Array): Meminfo {
  parser.parse(text, text.length, values);
  const bytesOf = (kilobytes: number) => (Number.isNaN(kilobytes) ? null : kilobytes * 1024);
  return {
    totalBytes: bytesOf(values[0]!),
    availableBytes: bytesOf(values[1]!),
    commitLimitBytes: bytesOf(values[2]!),
    committedBytes: bytesOf(values[3]!),
  };
}
