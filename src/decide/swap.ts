/** What decides whether a cgroup may still swap, in bytes. */
export interface SwapFacts {
  readonly freeSwapBytes: number;
  /** Room left under the memory+swap limit; Infinity where there is none. */
  readonly roomBytes: number;
  /** 0 forbids the kernel to swap this cgroup at its limit. */
  readonly swappiness: number;
  /** Anonymous memory on the LRU lists. */
  readonly anonLruBytes: number;
}

/** How much anonymous memory the kernel could push out instead of killing. */
export function swappableBytes(facts: SwapFacts): number {
  if (facts.swappiness === 0) return 0;
  return Math.max(0, Math.min(facts.anonLruBytes, facts.freeSwapBytes, facts.roomBytes));
}
