import { EAGAIN, ECONNREFUSED, EMSGSIZE, ENOBUFS, ENOENT } from "../../../ffi/errno.ts";
import { close } from "../../../ffi/file.ts";
import { sealedFile } from "../../../ffi/sealed-file.ts";
import { UnixDatagram } from "../../../ffi/unix-datagram.ts";

/**
 * What came of an entry. `later`: journald is stopped or being restarted, or its queue is full. `refused`: trying again
 * would not help (a sandbox forbids it, no room for a large one).
 */
export type Delivery = "taken" | "later" | "refused";

/** Takes entries in the native protocol. Never waits, never throws. */
export interface Journal {
  send(entry: Uint8Array<ArrayBuffer>): Delivery;
  close(): void;
}

const LATER = new Set([EAGAIN, ENOENT, ECONNREFUSED]);
const TOO_LARGE = new Set([EMSGSIZE, ENOBUFS]);

/** journald's socket. */
export class JournalTarget implements Journal {
  readonly #socket: UnixDatagram;

  /** @throws SysError when there are no sockets to be had */
  constructor(path: string) {
    this.#socket = new UnixDatagram(path);
  }

  send(entry: Uint8Array<ArrayBuffer>): Delivery {
    const code = -this.#socket.send(entry);
    return delivery(TOO_LARGE.has(code) ? this.#sendFile(entry) : code);
  }

  close(): void {
    this.#socket.close();
  }

  /** What no datagram holds (212,992 bytes by default) goes as a file. @returns 0, or an errno */
  #sendFile(entry: Uint8Array<ArrayBuffer>): number {
    const fd = sealedFile(entry);
    if (fd === null) return ENOBUFS;
    const code = -this.#socket.sendDescriptor(fd);
    close(fd);
    return code;
  }
}

function delivery(code: number): Delivery {
  if (code === 0) return "taken";
  return LATER.has(code) ? "later" : "refused";
}
