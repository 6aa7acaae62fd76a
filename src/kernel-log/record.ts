import { decimalAt } from "../proc/field-parser.ts";

/** One record of the kernel's log. */
export interface LogRecord {
  /** Counts up by one, over the records of user space too. */
  readonly seq: number;
  readonly bootMicros: number;
  /** What the kernel itself says; null for what user space has written there. */
  readonly message: string | null;
  /** A part of a line whose beginning is in a record before. */
  readonly isContinuation: boolean;
}

const NEWLINE = 10;
const PLUS = 43;
const COMMA = 44;
const SEMICOLON = 59;
const BACKSLASH = 92;
const SMALL_C = 99;

const decoder = new TextDecoder();

/**
 * Reads a record as /dev/kmsg gives it: `<prio>,<seq>,<µs>,<flags>[,more];<message>`, then lines ` KEY=value`
 * (Documentation/ABI/testing/dev-kmsg).
 * A message counts only where its facility is 0, the kernel's: what is written to the device gets facility 1 if it claims
 * that (devkmsg_write(), kernel/printk/printk.c), so nobody can put words into the kernel's mouth.
 * @returns null for what is no record
 */
export function parseRecord(bytes: Uint8Array, length: number): LogRecord | null {
  const seqAt = after(bytes, COMMA, 0, length);
  const microsAt = after(bytes, COMMA, seqAt, length);
  const flagsAt = after(bytes, COMMA, microsAt, length);
  const messageAt = after(bytes, SEMICOLON, flagsAt, length);
  const seq = decimalAt(bytes, seqAt, length);
  const bootMicros = decimalAt(bytes, microsAt, length);
  const priority = decimalAt(bytes, 0, length);
  if (Number.isNaN(seq + bootMicros + priority) || messageAt > length) return null;
  const flag = bytes[flagsAt];
  const isKernel = priority < 8;
  return {
    seq,
    bootMicros,
    message: isKernel ? text(bytes, messageAt, after(bytes, NEWLINE, messageAt, length) - 1) : null,
    isContinuation: flag === SMALL_C || flag === PLUS,
  };
}

/** The place after the next such byte; beyond the length where there is none. */
function after(bytes: Uint8Array, wanted: number, from: number, length: number): number {
  let at = from;
  while (at < length && bytes[at] !== wanted) at++;
  return at + 1;
}

function text(bytes: Uint8Array, from: number, to: number): string {
  const raw = bytes.subarray(from, to);
  return decoder.decode(raw.includes(BACKSLASH) ? unescaped(raw) : raw);
}

/** The kernel writes a backslash and what is no printable ASCII byte by byte, as `\xNN`. */
function unescaped(raw: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    const code = raw[at] === BACKSLASH ? Number.parseInt(ascii(raw, at + 2, at + 4), 16) : Number.NaN;
    bytes[length++] = Number.isNaN(code) ? raw[at]! : code;
    if (!Number.isNaN(code)) at += 3;
  }
  return bytes.subarray(0, length);
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
