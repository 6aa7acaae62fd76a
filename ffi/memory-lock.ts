import type { Pointer } from "bun:ffi";
import { arch } from "./arch.ts";
import { Ballast } from "./ballast.ts";
import { embeddedProgram, isUnwritten } from "./embedded-program.ts";
import { EINVAL, ENOSYS } from "./errno.ts";
import { errno, libc } from "./libc.ts";
import { fileMappings } from "./mappings.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";
import { pageBytes } from "./sysinfo.ts";

const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
const MCL_ONFAULT = 4;
const MLOCK_ONFAULT = 1;
const PROBE_PAGES = 8;
const IN_CORE = 1;
const MADV_DONTNEED = 4;

/**
 * Keeps what the process has touched, and will touch, in memory (mlockall(2)). Only ever with ONFAULT, and only where
 * that was seen to be honoured: without it the whole address space of the JavaScript engine is faulted in, 1.8 GB and
 * more, which took a node down.
 * @returns false, and nothing is locked, where the kernel does not know ONFAULT or does not honour it
 * @throws SysError ENOMEM or EPERM where the rights are missing
 */
export function lockTouchedMemory(): boolean {
  if (!honoursOnFault()) return false;
  if (libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) throw new SysError("mlockall", errno());
  return true;
}

/**
 * Keeps of the process's files (its executable, its libraries) what it has touched, and will touch, in memory. Where there
 * is no swap nothing else can be taken from it, and memory that is not locked can be given back by whoever allocated it:
 * on locked memory each madvise(MADV_DONTNEED) of the engine's allocator fails with EINVAL, several times a second.
 * @returns as `lockTouchedMemory` @throws SysError as there
 */
export function lockTouchedFiles(): boolean {
  if (!honoursOnFault()) return false;
  for (const { address, lengthBytes } of fileMappings()) {
    if (libc.syscall(arch.SYS_mlock2, address, lengthBytes, MLOCK_ONFAULT, 0) < 0)
      throw new SysError("mlock2", errno());
  }
  return true;
}

/**
 * Gives back what is in memory of the process's files and can be had from them again: most of it has served the start. The
 * page cache keeps it for a while, so what is touched again costs a minor fault. What is locked stays. Takes 2.5 ms.
 */
export function giveBackFilePages(): void {
  for (const { address, lengthBytes, isPristine } of fileMappings())
    if (isPristine) libc.madvise(address as Pointer, lengthBytes, MADV_DONTNEED);
  // Read from end to end by the start, which leaves 5 MB of it in memory; what is called from here on brings back 3.
  const program = embeddedProgram();
  if (program !== null && isUnwritten(program))
    libc.madvise(program.address as Pointer, program.lengthBytes, MADV_DONTNEED);
}

/**
 * Locks some pages nobody has touched with mlock2(2), and looks whether they are still not there. That came in the same
 * change as mlockall's ONFAULT (Linux 4.4), and can be tried on some pages, where mlockall would try it on everything.
 * By its number: glibc has a function for it from 2.27 on only.
 */
function honoursOnFault(): boolean {
  const probe = new Ballast(PROBE_PAGES * pageBytes);
  try {
    if (libc.syscall(arch.SYS_mlock2, probe.address, PROBE_PAGES * pageBytes, MLOCK_ONFAULT, 0) < 0) {
      const code = errno();
      if (code === ENOSYS || code === EINVAL) return false;
      throw new SysError("mlock2", code);
    }
    if (residentPages(probe) > 0) return false;
    // Seen to tell the two apart, and to keep to the page that was touched.
    probe.touch(0, 1);
    return residentPages(probe) === 1;
  } finally {
    probe.release();
  }
}

function residentPages({ address }: Ballast): number {
  const pages = new NativeBuffer(PROBE_PAGES);
  if (libc.mincore(address, PROBE_PAGES * pageBytes, pages.address) < 0)
    throw new SysError("mincore", errno());
  return pages.bytes.reduce((count, page) => count + (page & IN_CORE), 0);
}
