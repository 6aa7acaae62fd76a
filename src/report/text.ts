/** Longest text that leaves `printable` when the caller names no limit. A Kubernetes name has at most 253 characters. */
const DEFAULT_MAX_LENGTH = 1024;

/** What almost every name is. One pass, no allocation: 10 ns for a pod's name. */
const CLEAN = /^[\x20-\x7e]*$/;

/**
 * What a terminal or a reader's eye could be fooled with: controls (C0, DEL, C1), line and paragraph separators,
 * format characters (bidi overrides, zero-width, tags), private use, and everything Unicode says may be drawn as
 * nothing (fillers, variation selectors). Lone surrogates are here because no UTF-8 exists for them.
 */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;

const UNSAFE_OR_WIDE = /[^\x20-\x7e]/gu;

/**
 * Untrusted text (labels, process names, paths) made safe for a terminal, a log line and a file: one line, nothing
 * invisible, at most `maxLength` UTF-16 units. What is taken out stays visible (`\x1b`, `\u202e`, `\u{e0041}`; a
 * lone surrogate becomes U+FFFD). A backslash is left alone, so doing it twice changes nothing.
 */
export function printable(text: string, maxLength = DEFAULT_MAX_LENGTH): string {
  if (text.length <= maxLength && CLEAN.test(text)) return text;
  // Escaping only makes text longer: what lies beyond the limit cannot come back in.
  return cut(text.slice(0, maxLength + 1).replace(UNSAFE, escapeCharacter), maxLength, "…");
}

/** `printable` for a terminal that cannot show UTF-8: everything beyond ASCII is escaped too. */
export function printableAscii(text: string, maxLength = DEFAULT_MAX_LENGTH): string {
  if (text.length <= maxLength && CLEAN.test(text)) return text;
  return cut(
    text
      .slice(0, maxLength + 1)
      .toWellFormed()
      .replace(UNSAFE_OR_WIDE, escapeCharacter),
    maxLength,
    "...",
  );
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\u{${code.toString(16)}}`;
}

function cut(text: string, maxLength: number, ellipsis: string): string {
  if (text.length <= maxLength) return text;
  if (maxLength <= ellipsis.length) return ellipsis.slice(0, Math.max(0, maxLength));
  const head = text.slice(0, maxLength - ellipsis.length);
  // Cutting between the halves of a pair would leave the lone surrogate this function exists to remove.
  const last = head.charCodeAt(head.length - 1);
  return (last >= 0xd800 && last <= 0xdbff ? head.slice(0, -1) : head) + ellipsis;
}
