import { libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";

// struct sysinfo of 64-bit Linux (include/uapi/linux/sysinfo.h).
const TOTALSWAP = 64;
const FREESWAP = 72;
const MEM_UNIT = 104;
const info = new NativeBuffer(128);

function field(offset: number): number {
  return Number(info.view.getBigUint64(offset, true)) * info.view.getUint32(MEM_UNIT, true);
}

/** Swap the node still has, in bytes. One cheap system call: /proc/meminfo costs fifty times as much. */
export function freeSwapBytes(): number {
  return libc.sysinfo(info.address) === 0 ? field(FREESWAP) : 0;
}

/** All swap of the node, in bytes. */
export function totalSwapBytes(): number {
  return libc.sysinfo(info.address) === 0 ? field(TOTALSWAP) : 0;
}

/** The kernel's page size: 4096, or 65536 on some arm64 kernels. */
export const pageBytes = libc.getpagesize();
