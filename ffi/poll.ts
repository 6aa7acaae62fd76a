import { libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";

const POLLIN = 1;
const POLLOUT = 4;

// struct pollfd: int fd, short events, short revents.
const request = new NativeBuffer(8);

/**
 * Would a short write (at most 4096 bytes, PIPE_BUF) go through now, or within `timeoutMs`? poll(2) calls a pipe
 * writable when a whole page of it is free, and a regular file always. False also when the descriptor is closed.
 */
export function isWritable(fd: number, timeoutMs: number): boolean {
  return polled(fd, POLLOUT, timeoutMs);
}

/** Would a read not wait? */
export function isReadable(fd: number): boolean {
  return polled(fd, POLLIN, 0);
}

function polled(fd: number, event: number, timeoutMs: number): boolean {
  request.view.setInt32(0, fd, true);
  request.view.setInt16(4, event, true);
  request.view.setInt16(6, 0, true);
  return libc.poll(request.address, 1, timeoutMs) === 1 && (request.view.getInt16(6, true) & event) !== 0;
}
