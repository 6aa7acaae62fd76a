import { SysError } from "../../ffi/sys-error.ts";
import { UnixDatagram } from "../../ffi/unix-datagram.ts";
import type { ServiceEnvironment } from "./environment.ts";
import { datagramOf, statusAssignment } from "./message.ts";

/** Leaves the reason of a failure where `systemctl status` shows it. Tried once: standard error has it, too. */
export function tellFailure({ address }: ServiceEnvironment, reason: string): void {
  if (address === null) return;
  try {
    const socket = new UnixDatagram(address);
    socket.send(datagramOf(statusAssignment(reason)));
    socket.close();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
}
