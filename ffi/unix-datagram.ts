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

/**
 * A socket that leaves datagrams at one address, as systemd's service manager and journal take them (unix(7)). Not
 * connected: a receiver that is replaced gets the next datagram. Nothing here ever waits.
 */
export class UnixDatagram {
  readonly #fd: number;
  readonly #address: NativeBuffer;

  /**
   * @param path of the receiving socket; a leading `@` stands for the NUL of the abstract namespace
   * @throws SysError ENAMETOOLONG, EMFILE
   */
  constructor(path: string) {
    this.#address = socketAddress(path);
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new SysError("socket", errno());
  }

  /**
   * Leaves one datagram.
   * @returns 0, or -errno: -EAGAIN when the receiver's queue is full, -ECONNREFUSED or -ENOENT when nobody receives,
   * -EMSGSIZE when it is larger than the send buffer
   */
  send(payload: Uint8Array<ArrayBuffer>): number {
    const { address, bytes } = this.#address;
    for (;;) {
      const sent = Number(
        libc.sendto(this.#fd, payload, payload.length, MSG_NOSIGNAL, address, bytes.length),
      );
      if (sent >= 0) return 0;
      const code = errno();
      if (code !== EINTR) return -code;
    }
  }

  close(): void {
    close(this.#fd);
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
