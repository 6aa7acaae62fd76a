import { dlopen, type Pointer } from "bun:ffi";
import { EINPROGRESS } from "./errno.ts";
import { libraryNames } from "./libc.ts";
import { cString, NativeBuffer } from "./native-buffer.ts";

const symbols = {
  aio_write: { args: ["ptr"], returns: "i32" },
  aio_error: { args: ["ptr"], returns: "i32" },
} as const;

// struct aiocb of 64-bit glibc and musl: the first fields are the same, the rest is their own.
const AIOCB_BYTES = 168;
const FD = 0;
const BUFFER = 16;
const LENGTH = 24;
const NOTIFY = 44;
const SIGEV_NONE = 1;

// struct aioinit (aio_init(3), glibc only): threads, simultaneous requests, and after how many seconds an idle thread ends.
const AIOINIT_BYTES = 32;
const THREADS = 0;
const REQUESTS = 4;
const IDLE_SECONDS = 24;

/** As many as wait for one grace period at once. Making a thread takes 0.15 ms: with 256 a start was no faster than with 64. */
const WRITES_AT_ONCE = 64;
const LOOK_EVERY_MS = 2;

interface Write {
  readonly request: NativeBuffer;
  /** The C library reads from it until the write is over. */
  readonly text: NativeBuffer;
  readonly settle: (errno: number) => void;
}

/** Null: this C library has none. Before glibc 2.34 it was in a library of its own. */
function openAio() {
  for (const name of [...libraryNames, "librt.so.1"]) {
    try {
      const { aio_write, aio_error } = dlopen(name, symbols).symbols;
      letManyWaitAtOnce(name);
      return { write: aio_write, error: aio_error };
    } catch {}
  }
  return null;
}

function letManyWaitAtOnce(library: string): void {
  try {
    const settings = new NativeBuffer(AIOINIT_BYTES);
    settings.view.setInt32(THREADS, WRITES_AT_ONCE, true);
    settings.view.setInt32(REQUESTS, WRITES_AT_ONCE, true);
    settings.view.setInt32(IDLE_SECONDS, 1, true);
    dlopen(library, { aio_init: { args: ["ptr"], returns: "void" } } as const).symbols.aio_init(
      settings.address,
    );
  } catch {
    // musl has a thread for each descriptor anyway.
  }
}

let aio: ReturnType<typeof openAio> | undefined;
const writes = new Set<Write>();

/**
 * Writes a text on a thread of the C library's (aio_write(3)), for control files that take the kernel long. Those threads
 * come as they are needed, have small stacks and end after a second, where those of the engine's pool stay, with some 50 KB
 * each.
 * @returns 0 or an errno, when it is over; null: this C library cannot do it
 */
export function writeElsewhere(fd: number, text: string): Promise<number> | null {
  aio = aio === undefined ? openAio() : aio;
  if (aio === null) return null;
  const buffer = cString(text);
  const request = new NativeBuffer(AIOCB_BYTES);
  request.view.setInt32(FD, fd, true);
  request.view.setBigUint64(BUFFER, BigInt(buffer.address as Pointer), true);
  request.view.setBigUint64(LENGTH, BigInt(buffer.bytes.length - 1), true);
  request.view.setInt32(NOTIFY, SIGEV_NONE, true);
  if (aio.write(request.address) !== 0) return null;
  return new Promise((resolve) => {
    writes.add({ request, text: buffer, settle: resolve });
    if (writes.size === 1) setTimeout(look, LOOK_EVERY_MS);
  });
}

function look(): void {
  for (const write of writes) {
    const errno = aio!.error(write.request.address);
    if (errno === EINPROGRESS) continue;
    writes.delete(write);
    write.settle(errno);
  }
  if (writes.size > 0) setTimeout(look, LOOK_EVERY_MS);
}
