import { existsSync } from "node:fs";
import { writeControl } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import type { ReclaimOutcome } from "../hierarchy.ts";
import { writeInChild } from "../write-in-child.ts";

/**
 * Asks the kernel for so much of the cgroup's memory back (memory.reclaim, 5.19), and, where it can be said (6.9), for page
 * cache only. The kernel says EAGAIN when it got less, which is as good.
 */
export async function reclaimMemory(
  directory: string,
  wantedBytes: number,
  sparesSwap: boolean,
  budgetMs: number,
): Promise<ReclaimOutcome> {
  const file = `${directory}/memory.reclaim`;
  if (!existsSync(file)) return existsSync(directory) ? "refused" : "failed";
  const bytes = Math.floor(wantedBytes);
  const outcome = await writeInChild(file, sparesSwap ? `${bytes} swappiness=0` : String(bytes), budgetMs);
  return outcome === "refused" ? "done" : outcome;
}

/** Does this kernel know how to spare anonymous memory? A request for nothing tells. */
export function sparesSwap(mount: string): boolean {
  try {
    writeControl(`${mount}/memory.reclaim`, "0 swappiness=0");
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}
