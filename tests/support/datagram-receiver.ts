import { dlopen, FFIType, ptr } from "bun:ffi";

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", FFIType.i64_fast, "i32"], returns: FFIType.i64_fast },
  close: { args: ["i32"], returns: "i32" },
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const MAX_DATAGRAM = 1 << 20;

/** The other end of `ffi/unix-datagram.ts`: Bun has no datagram sockets of the Unix domain. */
export class DatagramReceiver {
  readonly #fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  readonly #buffer = Buffer.alloc(MAX_DATAGRAM);

  /** @param path where it receives; a leading `@` means the abstract namespace */
  constructor(path: string) {
    const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
    if (libc.bind(this.#fd, ptr(address), address.length) < 0) throw new Error(`cannot bind ${path}`);
  }

  /** What has come since the last call, oldest first. */
  take(): Buffer[] {
    const all: Buffer[] = [];
    for (;;) {
      const length = Number(libc.recv(this.#fd, ptr(this.#buffer), MAX_DATAGRAM, MSG_DONTWAIT));
      if (length < 0) return all;
      all.push(Buffer.from(this.#buffer.subarray(0, length)));
    }
  }

  close(): void {
    libc.close(this.#fd);
  }
}
