/** A fresh look at one cgroup's memory, in bytes. */
export interface Reading {
  /** What the kernel counts against the limit, per-CPU pre-charges included. */
  readonly usageBytes: number;
  /** The part of it that may be pre-charges, as far as memory.stat can tell them apart; 0 where it was not worked out. */
  readonly slackBytes: number;
  /** What memory.stat counts page by page: file cache, tmpfs, shared and anonymous memory. No pre-charges are in it. */
  readonly residentBytes: number;
  /** File cache on the LRU lists; tmpfs and shared memory are not in it. */
  readonly fileBytes: number;
  /** The part of it that was not used again; kubelet counts all the rest of usage as the working set. */
  readonly inactiveFileBytes: number;
  /** Anonymous memory that the node and the cgroup still have swap for; 0 where nothing can be swapped. */
  readonly swappableBytes: number;
  /** Anonymous memory; tmpfs and shared memory are not in it. */
  readonly anonBytes: number;
}

/** Memory the kernel could get back without killing anybody. */
export function reclaimableBytes({
  fileBytes,
  swappableBytes,
}: Pick<Reading, "fileBytes" | "swappableBytes">): number {
  return fileBytes + swappableBytes;
}
