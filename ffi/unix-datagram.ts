import { EINTR, ENAMETOOLONG } from "./errno.ts";
import { close } from "./file.ts";
import { errno, libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";
import { SysError } from "./sys-error.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
// struct sockaddr_un: u16 family, then the path, 108 bytes with its NUL.
const FAMILY_BYTES = 2;
const MAX_PATH_BYTES = 107;

// struct msghdr: name and its u32 length, iovec and count, control and its length, flags; all but the flags 8 bytes
// wide. musl has narrower lengths and padding, which is the same on a little-endian machine.
const HEADER_BYTES = 56;
const NAME = 0;
const NAME_BYTES = 8;
const CONTROL = 32;
const CONTROL_BYTES = 40;
// struct cmsghdr: u64 length with this header, i32 level, i32 type; then the descriptor, padded to 8 bytes.
const CONTROL_HEADER_BYTES = 16;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/**
 * A socket that leaves datagrams at one address, as systemd's service manager and journal take them (unix(7)). Not
 * connected: a receiver that is replaced gets the next datagram. Nothing here ever waits.
 */
export class UnixDatagram {
  readonly #fd: number;
  readonly #address: NativeBuffer;
  readonly #control = new NativeBuffer(CONTROL_HEADER_BYTES + 8);
  readonly #header = new NativeBuffer(HEADER_BYTES);

  /**
   * @param path of the receiving socket; a leading `@` stands for the NUL of the abstract namespace
   * @throws SysError ENAMETOOLONG, EMFILE
   */
  constructor(path: string) {
    this.#address = socketAddress(path);
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new SysError("socket", errno());
    const control = this.#control.view;
    control.setBigUint64(0, BigInt(CONTROL_HEADER_BYTES + 4), true);
    control.setInt32(8, SOL_SOCKET, true);
    control.setInt32(12, SCM_RIGHTS, true);
    const header = this.#header.view;
    header.setBigUint64(NAME, BigInt(this.#address.address), true);
    header.setUint32(NAME_BYTES, this.#address.bytes.length, true);
    header.setBigUint64(CONTROL, BigInt(this.#control.address), true);
    header.setBigUint64(CONTROL_BYTES, BigInt(this.#control.bytes.length), true);
  }

  /**
   * Leaves one datagram.
   * @returns 0, or -errno: -EAGAIN when the receiver's queue is full, -ECONNREFUSED or -ENOENT when nobody receives,
   * -EMSGSIZE when it is larger than the send buffer
   */
  send(payload: Uint8Array<ArrayBuffer>): number {
    const { address, bytes } = this.#address;
    return result(() => libc.sendto(this.#fd, payload, payload.length, MSG_NOSIGNAL, address, bytes.length));
  }

  /**
   * Leaves a datagram with nothing in it but an open descriptor (SCM_RIGHTS, unix(7)). The receiver gets one of its
   * own for the same file; the given one stays with the caller.
   * @returns 0, or -errno as `send` does
   */
  sendDescriptor(fd: number): number {
    this.#control.view.setInt32(CONTROL_HEADER_BYTES, fd, true);
    return result(() => libc.sendmsg(this.#fd, this.#header.address, MSG_NOSIGNAL));
  }

  close(): void {
    close(this.#fd);
  }
}

function result(send: () => number | bigint): number {
  for (;;) {
    if (Number(send()) >= 0) return 0;
    const code = errno();
    if (code !== EINTR) return -code;
  }
}

function socketAddress(path: string): NativeBuffer {
  const encoded = new TextEncoder().encode(path);
  if (encoded.length > MAX_PATH_BYTES) throw new SysError("sendto", ENAMETOOLONG, path);
  const abstract = path.startsWith("@");
  // An abstract address ends where its length says, a path needs its NUL.
  const address = new NativeBuffer(FAMILY_BYTES + encoded.length + (abstract ? 0 : 1));
  address.view.setUint16(0, AF_UNIX, true);
  address.bytes.set(encoded, FAMILY_BYTES);
  if (abstract) address.bytes[FAMILY_BYTES] = 0;
  return address;
}
