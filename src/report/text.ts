/** Longest text that leaves `printable` when the caller names no limit. */
const DEFAULT_MAX_LENGTH = 1024;

/**
 * Text from outside (names, labels, file contents) made fit for a terminal and for one line of a log: control,
 * format and line-breaking characters become escapes, and no more than `maxLength` characters are left, "…" included.
 */
export function printable(text: string, maxLength = DEFAULT_MAX_LENGTH): string {
  const safe = text.slice(0, maxLength + 1).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeOf);
  return safe.length <= maxLength ? safe : `${safe.slice(0, maxLength - 1)}…`;
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}
