import { type LogEntry, MAX_MESSAGE, PRIORITY, sentence } from "../log-line.ts";
import { isIncident, messageIds } from "../message-kind.ts";
import { printable } from "../text.ts";

/** journald drops a field whose name is longer (systemd.journal-fields(7)). */
const MAX_NAME = 64;

/** What a service's lines on standard error get (SyslogFacility=daemon), so that rules of a syslog daemon keep working. */
const FACILITY_DAEMON = 3;

/** A newline ends a value that has no length. For the other controls it is only prudent: MESSAGE is read as a C string. */
const NEEDS_LENGTH = /[\0-\x1f\x7f]/;

/**
 * An entry in the journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). MESSAGE is for people and
 * printable. The facts are fields of their own, with their exact values whatever these hold, so that
 * `journalctl OOM_GUARD_POD=web-0` finds them; a fact that is null is left out.
 */
export function journalEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  const { level, kind, fields } = entry;
  return Buffer.concat([
    field("MESSAGE", messageOf(entry)),
    field("PRIORITY", String(PRIORITY[level])),
    field("SYSLOG_IDENTIFIER", "oom-guard"),
    field("SYSLOG_FACILITY", String(FACILITY_DAEMON)),
    ...(kind === null ? [] : [field("MESSAGE_ID", messageIds[kind])]),
    ...Object.entries(fields).flatMap(([key, value]) =>
      value === null ? [] : [field(fieldName(key), String(value))],
    ),
  ]);
}

/** The same for an entry that is sent long after it was made; journald stamps it with the time it comes. */
export function lateEntry(bytes: Uint8Array, time: Date): Uint8Array<ArrayBuffer> {
  return Buffer.concat([bytes, field("OOM_GUARD_TIME", time.toISOString())]);
}

/** `limitBytes` is OOM_GUARD_LIMIT_BYTES. */
export function fieldName(key: string): string {
  const words = key.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
  return `OOM_GUARD_${words.replace(/[^A-Z0-9_]/g, "_")}`.slice(0, MAX_NAME);
}

/** journalctl shows nothing else by default, so what the sentence does not tell is added to it. */
function messageOf(entry: LogEntry): string {
  return isIncident(entry.kind) ? printable(entry.message, MAX_MESSAGE) : sentence(entry);
}

function field(name: string, value: string): Buffer {
  if (!NEEDS_LENGTH.test(value)) return Buffer.from(`${name}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}
