/**
 * How much of the usage is per-CPU pre-charge. The kernel charges up to 64 pages ahead on each CPU (MEMCG_CHARGE_BATCH
 * in mm/memcontrol.c); they are given back before an OOM, so they are no reason to kill. memory.stat may itself lag
 * by as much, so never more than that counts.
 * @param accountedBytes what memory.stat and kernel memory add up to; NaN where it is not known
 */
export function slackBytes(usageBytes: number, accountedBytes: number, maxSlackBytes: number): number {
  if (Number.isNaN(accountedBytes)) return 0;
  return Math.min(Math.max(usageBytes - accountedBytes, 0), maxSlackBytes);
}
