import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, fstatSync, readSync } from "node:fs";

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: FFIType.i64_fast },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const F_GET_SEALS = 1034;
const MAX_DATAGRAM = 1 << 20;

/** A file that came with a datagram. */
export interface ReceivedFile {
  readonly content: Buffer;
  /** F_GET_SEALS of fcntl(2); -1 for a file that cannot have any. */
  readonly seals: number;
}

/** One datagram. */
export interface Received {
  readonly payload: Buffer;
  readonly file: ReceivedFile | null;
}

/** The other end of `ffi/unix-datagram.ts`: Bun has no datagram sockets of the Unix domain. */
export class DatagramReceiver {
  readonly #fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  readonly #payload = Buffer.alloc(MAX_DATAGRAM);
  readonly #control = Buffer.alloc(24);
  readonly #iovec = Buffer.alloc(16);
  readonly #header = Buffer.alloc(56);

  /** @param path where it receives; a leading `@` means the abstract namespace */
  constructor(path: string) {
    const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
    if (libc.bind(this.#fd, ptr(address), address.length) < 0) throw new Error(`cannot bind ${path}`);
  }

  /** What has come since the last call, oldest first. */
  take(): Buffer[] {
    return this.takeAll().map(({ payload }) => payload);
  }

  /** The same, with the files that came along. */
  takeAll(): Received[] {
    const all: Received[] = [];
    for (;;) {
      const received = this.#receive();
      if (received === null) return all;
      all.push(received);
    }
  }

  close(): void {
    libc.close(this.#fd);
  }

  #receive(): Received | null {
    this.#iovec.writeBigUInt64LE(BigInt(ptr(this.#payload)), 0);
    this.#iovec.writeBigUInt64LE(BigInt(MAX_DATAGRAM), 8);
    this.#header.fill(0);
    this.#header.writeBigUInt64LE(BigInt(ptr(this.#iovec)), 16);
    this.#header.writeBigUInt64LE(1n, 24);
    this.#header.writeBigUInt64LE(BigInt(ptr(this.#control)), 32);
    this.#header.writeBigUInt64LE(BigInt(this.#control.length), 40);
    const length = Number(libc.recvmsg(this.#fd, ptr(this.#header), MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (length < 0) return null;
    const hasFile = this.#header.readBigUInt64LE(40) > 0n;
    return {
      payload: Buffer.from(this.#payload.subarray(0, length)),
      file: hasFile ? takeFile(this.#control.readInt32LE(16)) : null,
    };
  }
}

function takeFile(fd: number): ReceivedFile {
  const content = Buffer.alloc(fstatSync(fd).size);
  readSync(fd, content, 0, content.length, 0);
  const seals = libc.fcntl(fd, F_GET_SEALS, 0);
  closeSync(fd);
  return { content, seals };
}
