import type { Pointer } from "bun:ffi";
import { errno, libc } from "./libc.ts";
import { SysError } from "./sys-error.ts";

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_NOHUGEPAGE = 15;
const MAP_FAILED = 2 ** 64 - 1;

/** Anonymous memory that is charged page by page as it is touched, and given back with `release`. */
export class Ballast {
  readonly address: Pointer;
  readonly #size: number;

  /** Reserves address space only. @throws SysError */
  constructor(sizeBytes: number) {
    const address = Number(
      libc.mmap(null, sizeBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0),
    ) as Pointer;
    if (address === MAP_FAILED) throw new SysError("mmap", errno());
    this.address = address;
    this.#size = sizeBytes;
    libc.madvise(address, sizeBytes, MADV_NOHUGEPAGE);
  }

  /** Touches the bytes between two offsets. */
  touch(fromBytes: number, toBytes: number): void {
    libc.memset((this.address + fromBytes) as Pointer, 1, toBytes - fromBytes);
  }

  release(): void {
    libc.munmap(this.address, this.#size);
  }
}
