import { SKIP_REASONS, type SkipReason } from "../decide/skip.ts";
import type { Watch } from "./watch.ts";

/** Memory for one counter of each reason, which both threads see. A counter starts over after 2^32. */
export function sharedSkips(): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(SKIP_REASONS.length * Uint32Array.BYTES_PER_ELEMENT));
}

/**
 * Counts a reason once until usage was a margin below the threshold, or somebody was killed: while a cgroup stays at its
 * threshold it is looked at up to hundreds of times a second, and dances around it. Only the sentinel writes, so a
 * plain increment does; it allocates nothing.
 */
export function countSkip(skips: Uint32Array, watch: Watch, reason: SkipReason): void {
  const index = SKIP_REASONS.indexOf(reason);
  const bit = 1 << index;
  if ((watch.skipped & bit) !== 0) return;
  watch.skipped |= bit;
  skips[index]!++;
}
