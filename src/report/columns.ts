// Making one loads tables of Unicode: 8 ms of a command that hardly ever needs them.
let graphemes: Intl.Segmenter | undefined;
const ASCII = /^[\x20-\x7e]*$/;

/** Terminal cells that printable text takes. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : Bun.stringWidth(text);
}

/** The text, or its beginning and its end around an ellipsis: a pod's name tells most at both ends. */
export function shortenMiddle(text: string, width: number, ellipsis: string): string {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  if (room < 2) return shortenEnd(text, width, "");
  const parts = split(text);
  const tail = take(parts.toReversed(), Math.floor(room / 2))
    .toReversed()
    .join("");
  const head = take(parts, room - widthOf(tail)).join("");
  return head + ellipsis + tail;
}

/** The text, or its beginning and an ellipsis. */
export function shortenEnd(text: string, width: number, ellipsis: string): string {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  return room < 1 ? take(split(text), width).join("") : take(split(text), room).join("") + ellipsis;
}

/** Blanks after the text up to the width. */
export function padRight(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Blanks before the text up to the width. */
export function padLeft(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}

/** The widest of them; 0 of none. */
export function widest(texts: readonly string[]): number {
  return texts.reduce((max, text) => Math.max(max, widthOf(text)), 0);
}

/** The text in lines that fit, broken between words; a word that does not fit is shortened. */
export function wrap(text: string, width: number, ellipsis: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(shortenMiddle(word, width, ellipsis));
  }
  return lines;
}

function split(text: string): string[] {
  if (ASCII.test(text)) return text.split("");
  graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function take(parts: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const part of parts) {
    used += widthOf(part);
    if (used > width) break;
    taken.push(part);
  }
  return taken;
}
