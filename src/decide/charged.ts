/**
 * Usage without per-CPU pre-charges. The kernel charges up to 64 pages ahead on each CPU (MEMCG_CHARGE_BATCH in
 * mm/memcontrol.c); they are given back before an OOM, so they are no reason to kill. memory.stat may itself lag by
 * as much, so never more than that is taken off.
 * @param accountedBytes what memory.stat and kernel memory add up to; NaN where it is not known
 */
export function chargedBytes(usageBytes: number, accountedBytes: number, maxSlackBytes: number): number {
  if (Number.isNaN(accountedBytes)) return usageBytes;
  const slack = Math.min(Math.max(usageBytes - accountedBytes, 0), maxSlackBytes);
  return usageBytes - slack;
}
