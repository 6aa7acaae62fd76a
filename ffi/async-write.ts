import { dlopen, type Pointer } from "bun:ffi";
import { EINPROGRESS } from "./errno.ts";
import { libraryNames } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";

const symbols = {
  aio_write: { args: ["ptr"], returns: "i32" },
  aio_error: { args: ["ptr"], returns: "i32" },
} as const;

// struct aiocb of 64-bit glibc and musl: the first fields are the same, the rest is their own. The text follows it.
const AIOCB_BYTES = 168;
const REQUEST_BYTES = 256;
const LONGEST_TEXT = REQUEST_BYTES - AIOCB_BYTES;
const LAST_ASCII = 127;
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
// They wait 14 ms and more, and each look wakes the main thread: 0.14 ms, which few share where few wait.
const LOOK_MS = 20;
const MANY = 16;
const LOOK_AT_MANY_MS = 5;

/** Where a request is in memory, and the text that the C library reads until the write is over. */
interface Place {
  readonly buffer: NativeBuffer;
  readonly offset: number;
}

interface Write {
  readonly place: Place;
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
let writes: Write[] = [];
let isLookDue = false;
const free: Place[] = [];

/**
 * Writes a short text on a thread of the C library's (aio_write(3)), for control files that take the kernel long. Those
 * threads come as they are needed, have small stacks and end after a second, where those of the engine's pool stay, with
 * some 50 KB each.
 * @param settle is called when it is over, with 0 or an errno
 * @returns false: this C library cannot do it, or not with this text, and nothing is called
 */
export function writeElsewhere(fd: number, text: string, settle: (errno: number) => void): boolean {
  aio = aio === undefined ? openAio() : aio;
  if (aio === null || text.length > LONGEST_TEXT) return false;
  const place = takePlace();
  const { buffer, offset } = place;
  const address = buffer.address + offset;
  buffer.bytes.fill(0, offset, offset + REQUEST_BYTES);
  const isAscii = putAscii(text, buffer.bytes, offset + AIOCB_BYTES);
  buffer.view.setInt32(offset + FD, fd, true);
  buffer.view.setBigUint64(offset + BUFFER, BigInt(address + AIOCB_BYTES), true);
  buffer.view.setBigUint64(offset + LENGTH, BigInt(text.length), true);
  buffer.view.setInt32(offset + NOTIFY, SIGEV_NONE, true);
  if (!isAscii || aio.write(address as Pointer) !== 0) {
    free.push(place);
    return false;
  }
  writes.push({ place, settle });
  lookLater();
  return true;
}

/** In one piece of memory for many: a start asks for all its thresholds at once, and each piece takes 400 bytes by itself. */
function takePlace(): Place {
  if (free.length === 0) {
    const buffer = new NativeBuffer(WRITES_AT_ONCE * REQUEST_BYTES);
    for (let i = 0; i < WRITES_AT_ONCE; i++) free.push({ buffer, offset: i * REQUEST_BYTES });
  }
  return free.pop()!;
}

function putAscii(text: string, into: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > LAST_ASCII) return false;
    into[at + i] = code;
  }
  return true;
}

function look(): void {
  isLookDue = false;
  const waiting = writes;
  writes = [];
  for (const write of waiting) {
    const { buffer, offset } = write.place;
    const errno = aio!.error((buffer.address + offset) as Pointer);
    if (errno === EINPROGRESS) {
      writes.push(write);
      continue;
    }
    free.push(write.place);
    write.settle(errno);
  }
  if (writes.length > 0) lookLater();
  // A piece's worth stays: where cgroups come and go, each would need another one.
  else free.length = Math.min(free.length, WRITES_AT_ONCE);
}

function lookLater(): void {
  if (isLookDue) return;
  isLookDue = true;
  setTimeout(look, writes.length >= MANY ? LOOK_AT_MANY_MS : LOOK_MS);
}
