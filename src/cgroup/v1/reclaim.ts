import type { ReclaimOutcome } from "../hierarchy.ts";
import { writeInChild } from "../write-in-child.ts";

/**
 * Drops the cgroup's page cache by writing memory.force_empty. The write blocks in the kernel until the cgroup is as
 * empty as it gets, for ever when the container keeps reading files. "refused" is EBUSY as a rule: before about 3.16 the
 * kernel does not do it while the cgroup has tasks.
 */
export async function forceEmpty(directory: string, budgetMs: number): Promise<ReclaimOutcome> {
  return writeInChild(`${directory}/memory.force_empty`, "0", budgetMs);
}
