import type { LogLevel } from "../config/config.ts";
import type { MessageKind } from "./message-kind.ts";
import { type Paint, paint } from "./style.ts";
import { printable } from "./text.ts";

/** Facts beside a message. Flat, so that they read the same in every format. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** One thing to say. */
export interface LogEntry {
  readonly time: Date;
  readonly level: LogLevel;
  /** null: of no kind one would search for. */
  readonly kind: MessageKind | null;
  readonly message: string;
  readonly fields: LogFields;
}

/**
 * PIPE_BUF: a write of no more is taken whole or not at all, so lines of two writers never mix, and a pipe that
 * poll(2) calls writable takes it without blocking. The journal would cut at 48K.
 */
export const MAX_LINE_BYTES = 4096;

/** Longest message, in UTF-16 units. */
export const MAX_MESSAGE = 1024;
const MAX_VALUE = 512;
const MAX_KEY = 64;

/** The journal's PRIORITY, as syslog(3) numbers them; sd-daemon(3) has lines begin with `<N>`. */
export const PRIORITY: Record<LogLevel, number> = { error: 3, warn: 4, info: 6, debug: 7 };
const COLOR: Record<LogLevel, Paint | null> = { error: "red", warn: "yellow", info: null, debug: "dim" };

/** `2026-01-02T03:04:05.678Z warn  message key=value`, with or without the time. */
export function textLine(entry: LogEntry, style: { color: boolean; timestamp: boolean }): string {
  const time = style.timestamp ? `${paint(entry.time.toISOString(), "dim", style)} ` : "";
  const level = paint(entry.level.padEnd(5), COLOR[entry.level], style);
  return oneLine(`${time}${level} ${sentence(entry)}`);
}

/** `<4>message key=value`: journald adds the time, and reads the priority. */
export function journalLine(entry: LogEntry): string {
  return oneLine(`<${PRIORITY[entry.level]}>${sentence(entry)}`);
}

/** `{"time":…,"level":…,"msg":…,"fields":{…}}`; `cut` counts fields left out because the line would be too long. */
export function jsonLine(entry: LogEntry): string {
  const base = {
    time: entry.time.toISOString(),
    level: entry.level,
    msg: printable(entry.message, MAX_MESSAGE),
  };
  const fields = Object.entries(entry.fields).map(
    ([key, value]) =>
      [printable(key, MAX_KEY), typeof value === "string" ? printable(value, MAX_VALUE) : value] as const,
  );
  if (fields.length === 0) return `${JSON.stringify(base)}\n`;
  for (let kept = fields.length; kept > 0; kept--) {
    const cut = fields.length - kept;
    const shown = { ...base, fields: Object.fromEntries(fields.slice(0, kept)), ...(cut > 0 && { cut }) };
    const line = `${JSON.stringify(shown)}\n`;
    if (Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  }
  return `${JSON.stringify({ ...base, cut: fields.length })}\n`;
}

/** `message key=value`: all of it printable. */
export function sentence({ message, fields }: LogEntry): string {
  const words = Object.entries(fields).map(([key, value]) => `${printable(key, MAX_KEY)}=${word(value)}`);
  return [printable(message, MAX_MESSAGE), ...words].join(" ");
}

function word(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value);
  const text = printable(value, MAX_VALUE);
  return /^[^\s"=]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
}

function oneLine(text: string): string {
  if (Buffer.byteLength(text) < MAX_LINE_BYTES) return `${text}\n`;
  // Cutting bytes can split a character; TextDecoder then leaves U+FFFD, which is harmless, and three bytes long.
  const kept = Buffer.from(text).subarray(0, MAX_LINE_BYTES - 8);
  return `${kept.toString("utf8").replace(/\ufffd$/, "")}…\n`;
}
