import type { LocatedMemory } from "../discover/locate-memory.ts";
import { humanSize } from "../report/size.ts";
import { type Finding, ok, warn } from "./check.ts";
import { readText } from "./read-text.ts";

/** The node's swap. */
export interface SwapState {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** vm.swappiness; what cgroups start with. */
  readonly swappiness: number;
}

/** Reads it from /proc/meminfo and /proc/sys. */
export function readSwap(procRoot: string): SwapState {
  const meminfo = readText(`${procRoot}/meminfo`) ?? "";
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  return {
    totalBytes: bytes("SwapTotal"),
    freeBytes: bytes("SwapFree"),
    swappiness: Number(readText(`${procRoot}/sys/vm/swappiness`) ?? 60),
  };
}

/** May memory of a container go to swap? That is room the guard counts, and where reclaim would push memory. */
export const maySwap = ({ totalBytes, swappiness }: SwapState): boolean => totalBytes > 0 && swappiness > 0;

/** Does swap get in the guard's way? */
export function checkSwap(swap: SwapState, located: LocatedMemory): Finding {
  if (swap.totalBytes === 0) return ok("off");
  const { totalBytes, freeBytes, swappiness } = swap;
  const state = `${humanSize(freeBytes)} of ${humanSize(totalBytes)} free, vm.swappiness ${swappiness}`;
  if (!maySwap(swap)) return ok(`${state}: containers do not swap`);
  const limit =
    located.ok && located.mount.version === 2 ? "memory.swap.max to 0 in" : "memory.memsw.limit_in_bytes of";
  return warn(
    `${state}: a container that can still swap is not killed, it gets slow first`,
    `swapoff -a, as kubelet wants it; or set ${limit} the containers`,
  );
}
