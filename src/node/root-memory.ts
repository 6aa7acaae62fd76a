import { readFileSync } from "node:fs";
import { FieldParser } from "../proc/field-parser.ts";

/** The memory of everything on the node, as kubelet counts it, in bytes. */
export interface RootMemory {
  readonly usageBytes: number;
  /** Null where the kernel does not tell. */
  readonly inactiveFileBytes: number | null;
}

const statV1 = new FieldParser(["total_inactive_file"]);
const statV2 = new FieldParser(["inactive_file", "anon", "file"]);
const INACTIVE_FILE = 0;
const ANON = 1;
const FILE = 2;
const valuesV1 = new Float64Array(1);
const valuesV2 = new Float64Array(3);

/**
 * Reads the root cgroup as kubelet's libcontainer does (opencontainers/cgroups fs/memory.go, fs2/memory.go). On v2 the
 * root has no memory.current: since runc 1.1.9, in kubelet since 1.29, anon + file stand for it, as v1's counter means
 * these two. Earlier kubelets took MemTotal - MemFree, which holds kernel memory too: on such a node they see less
 * available than this says. Where the mount shows a cgroup that is not the root (a node in a container), its
 * memory.current is taken, there as here.
 * @param mount of the memory hierarchy @returns null where it cannot be read
 */
export function readRootMemory(version: 1 | 2, mount: string): RootMemory | null {
  return version === 1 ? readV1(mount) : readV2(mount);
}

function readV1(mount: string): RootMemory | null {
  const usageBytes = numberOf(`${mount}/memory.usage_in_bytes`);
  const stat = bytesOf(`${mount}/memory.stat`);
  if (usageBytes === null || stat === null) return null;
  statV1.parse(stat, stat.length, valuesV1);
  return { usageBytes, inactiveFileBytes: known(valuesV1[INACTIVE_FILE]!) };
}

function readV2(mount: string): RootMemory | null {
  const stat = bytesOf(`${mount}/memory.stat`);
  if (stat === null) return null;
  statV2.parse(stat, stat.length, valuesV2);
  const usageBytes = numberOf(`${mount}/memory.current`) ?? known(valuesV2[ANON]! + valuesV2[FILE]!);
  return usageBytes === null ? null : { usageBytes, inactiveFileBytes: known(valuesV2[INACTIVE_FILE]!) };
}

const known = (value: number) => (Number.isNaN(value) ? null : value);

function numberOf(path: string): number | null {
  const text = bytesOf(path)?.toString("latin1").trimEnd() ?? "";
  return /^\d+$/.test(text) ? Number(text) : null;
}

function bytesOf(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
