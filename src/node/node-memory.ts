import { readFileSync } from "node:fs";
import { type Meminfo, parseMeminfo } from "../proc/meminfo.ts";
import { readRootMemory } from "./root-memory.ts";
import { memoryAvailableBytes, workingSetBytes } from "./working-set.ts";

/** The memory of the node at this moment, in bytes; null where it cannot be known. */
export interface NodeMemory {
  readonly meminfo: Meminfo;
  /** Of everything on the node, as kubelet counts it. */
  readonly workingSetBytes: number | null;
  /** kubelet's `memory.available`; MemAvailable is another number. */
  readonly availableBytes: number | null;
}

/** Where the node is looked at. */
export interface NodeMemoryPlaces {
  readonly version: 1 | 2;
  /** Of the memory hierarchy. */
  readonly mount: string;
  readonly procRoot: string;
}

/** Reads the node's memory as kubelet sees it: MemTotal (cAdvisor's capacity), less the root cgroup's working set. */
export function readNodeMemory({ version, mount, procRoot }: NodeMemoryPlaces): NodeMemory {
  const meminfo = parseMeminfo(meminfoText(procRoot));
  const root = readRootMemory(version, mount);
  const workingSet = root === null ? null : workingSetBytes(root.usageBytes, root.inactiveFileBytes);
  const { totalBytes } = meminfo;
  return {
    meminfo,
    workingSetBytes: workingSet,
    availableBytes:
      totalBytes === null || workingSet === null ? null : memoryAvailableBytes(totalBytes, workingSet),
  };
}

function meminfoText(procRoot: string): Uint8Array {
  try {
    return readFileSync(`${procRoot}/meminfo`);
  } catch {
    return new Uint8Array();
  }
}
