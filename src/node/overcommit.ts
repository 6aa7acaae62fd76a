import { readSmallFile } from "../config/read-file.ts";
import type { Meminfo } from "../proc/meminfo.ts";

/** heuristic, always, strict: vm.overcommit_memory (Documentation/mm/overcommit-accounting.rst). */
export type OvercommitMode = 0 | 1 | 2;

/** How much memory the kernel promises. Null where it is not known. */
export interface Overcommit {
  readonly mode: OvercommitMode | null;
  /** What may be promised at most, in mode 2 only. */
  readonly commitLimitBytes: number | null;
  /** What is promised now (Committed_AS). */
  readonly committedBytes: number | null;
}

/** Reads the kernel's setting beside what /proc/meminfo tells. */
export function readOvercommit(procRoot: string, { commitLimitBytes, committedBytes }: Meminfo): Overcommit {
  const text = readSmallFile(`${procRoot}/sys/vm/overcommit_memory`, 64);
  const mode = text !== "absent" && text.ok ? modeOf(text.value) : null;
  return { mode, commitLimitBytes, committedBytes };
}

function modeOf(text: string): OvercommitMode | null {
  const mode = text.trim();
  return mode === "0" ? 0 : mode === "1" ? 1 : mode === "2" ? 2 : null;
}
