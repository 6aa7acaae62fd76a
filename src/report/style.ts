import { printable, printableAscii } from "./text.ts";

/** How text may look where it goes. */
export interface Look {
  /** Cells in a line; no line is wider. */
  readonly columns: number;
  /** May colours (SGR sequences) be written? */
  readonly color: boolean;
  /** Is the terminal's character set UTF-8? */
  readonly unicode: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const SGR = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33" } as const;
export type Paint = keyof typeof SGR;

/** Narrower terminals get lines of this width: below it a name says nothing any more. */
const MIN_COLUMNS = 40;

/** The look with room enough. */
export function withRoom(look: Look): Look {
  return { ...look, columns: Math.max(MIN_COLUMNS, look.columns) };
}

/** Untrusted text, in characters that the terminal has. */
export function safe(text: string, look: Pick<Look, "unicode">): string {
  return look.unicode ? printable(text) : printableAscii(text);
}

/** What stands for what is left out. */
export function ellipsis(look: Pick<Look, "unicode">): string {
  return look.unicode ? "…" : "...";
}

/** The text in a colour, or as it is where colour is off. */
export function paint(text: string, color: Paint | null, look: Pick<Look, "color">): string {
  return look.color && color !== null ? `\x1b[${SGR[color]}m${text}\x1b[0m` : text;
}

/** Colour is for terminals only, and not for those who set NO_COLOR (to anything but the empty string). */
export function wantsColor(isTty: boolean, env: Environment): boolean {
  return isTty && !env.NO_COLOR && env.TERM !== "dumb";
}

/** Is the locale's character set UTF-8? LC_ALL beats LC_CTYPE beats LANG, as setlocale(3) has it. */
export function wantsUnicode(env: Environment): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return /utf-?8/i.test(locale);
}
