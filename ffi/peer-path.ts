import { libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";

const AF_UNIX = 1;
// struct sockaddr_un: u16 family, then the path, 108 bytes with its NUL.
const FAMILY_BYTES = 2;
const ADDRESS_BYTES = 110;

/**
 * Where the socket is bound that a descriptor is connected to (getpeername(2)).
 * @returns null for a descriptor that is no connected Unix socket, or whose other end has no path
 */
export function peerPath(fd: number): string | null {
  const address = new NativeBuffer(ADDRESS_BYTES);
  const length = new NativeBuffer(4);
  length.view.setUint32(0, ADDRESS_BYTES, true);
  if (libc.getpeername(fd, address.address, length.address) < 0) return null;
  if (address.view.getUint16(0, true) !== AF_UNIX) return null;
  const path = address.bytes.subarray(FAMILY_BYTES, length.view.getUint32(0, true));
  const end = path.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? path : path.subarray(0, end));
  return text === "" ? null : text;
}
