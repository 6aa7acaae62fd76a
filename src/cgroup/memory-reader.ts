import type { MemoryReader } from "./hierarchy.ts";
import { memoryReaderV1 } from "./v1/read.ts";
import { memoryReaderV2 } from "./v2/read.ts";

/** The reader for a version of the memory controller. */
export function memoryReader(version: 1 | 2): MemoryReader {
  return version === 1 ? memoryReaderV1 : memoryReaderV2;
}
