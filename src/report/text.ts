/**
 * Text from outside (names, labels, file contents) made fit for a terminal and for one line of a log:
 * control, format and line-breaking characters become escapes, what is longer than `maxLength` is cut with "…".
 */
export function printable(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  let out = "";
  let length = 0;
  for (const character of text) {
    const safe = /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? escapeOf(character) : character;
    length += safe.length;
    if (length > maxLength) return `${out}…`;
    out += safe;
  }
  return out;
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return `\\u{${code.toString(16)}}`;
}
