import { parseQuantity } from "../kubernetes/quantity.ts";

/** The signal of kubelet's thresholds that is about the node's memory. */
export const MEMORY_AVAILABLE = "memory.available";

/**
 * Bytes of `memory.available` below which kubelet evicts, from the text of its threshold ("100Mi", "5%"), as
 * parseThresholdStatement() and GetThresholdQuantity() have it (pkg/kubelet/eviction). Null: no threshold, which is
 * what 0% and 100% mean there. Undefined: kubelet would not start with that.
 */
export function evictionThresholdBytes(text: string, capacityBytes: number): number | null | undefined {
  if (!text.endsWith("%")) {
    const bytes = parseQuantity(text);
    return bytes === null || bytes === 0 ? undefined : bytes;
  }
  if (text === "0%" || text === "100%") return null;
  if (!/^\d{1,3}(?:\.\d{1,20})?%$/.test(text)) return undefined;
  // A 32-bit float in kubelet: of 16 GiB, 5% are 12 bytes more than a 64-bit one makes of it.
  const share = Math.fround(Math.fround(Number(text.slice(0, -1))) / 100);
  return share > 1 ? undefined : Math.trunc(capacityBytes * share);
}
