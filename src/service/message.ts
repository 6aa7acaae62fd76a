import { printable } from "../report/text.ts";

// The manager drops a datagram of more than 4096 bytes whole (NOTIFY_BUFFER_MAX); a character takes at most 3 of them.
const MAX_STATUS = 1000;

/** The assignment `systemctl status` shows. On one line whatever the text holds, so that it is one assignment only. */
export function statusAssignment(text: string): string {
  return `STATUS=${printable(text, MAX_STATUS)}`;
}

/** Assignments as the datagram they travel in (sd_notify(3)). */
export function datagramOf(...assignments: readonly string[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(assignments.join("\n"));
}
