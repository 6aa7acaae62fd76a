const PAGE_BYTES = 4096;
/** The kernel charges a CPU's pages in advance, so many at once (MEMCG_CHARGE_BATCH, include/linux/memcontrol.h). */
const BATCH_PAGES = 64;
/** A page table of its own, charged too, for so many pages. */
const PAGES_OF_A_TABLE = 512;

/**
 * When usage came to the threshold, told by the page that made the kernel charge the last batch it took. What
 * native/leak.c has seen to: as it began, each CPU had just been charged a batch, and had used one page of it. A thread
 * is taken to stay on its CPU; one that moves puts this off by at most 63 pages.
 * @param stampsNs of each thread, in the order in which it filled its pages @param baseBytes usage as they began
 * @returns the time of that stamp; null: usage did not come that far
 */
export function crossingNs(
  stampsNs: readonly (readonly number[])[],
  baseBytes: number,
  thresholdBytes: number,
): number | null {
  const missing = Math.ceil((thresholdBytes - baseBytes) / (BATCH_PAGES * PAGE_BYTES));
  if (missing <= 0) return null;
  const charges = stampsNs.flatMap(chargeTimes).toSorted((a, b) => a - b);
  return charges[missing - 1] ?? null;
}

/** When a thread's CPU was charged another batch. */
function chargeTimes(stampsNs: readonly number[]): number[] {
  const times: number[] = [];
  let left = BATCH_PAGES - 1;
  for (const [page, stamp] of stampsNs.entries()) {
    left -= page % PAGES_OF_A_TABLE === 0 ? 2 : 1;
    if (left >= 0) continue;
    left += BATCH_PAGES;
    times.push(stamp);
  }
  return times;
}
