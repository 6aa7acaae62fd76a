import { printable } from "../report/text.ts";
import type { Parsed } from "./parsed.ts";

/** Reads TOML. The message of an error is one printable line, with the line number where that can be told. */
export function parseToml(text: string): Parsed<Record<string, unknown>> {
  const result = attempt(text);
  if (result.ok) return result;
  const line = lineOf(text, result.message);
  const where = line === null ? "" : ` at line ${line.number}, "${printable(line.text, 60)}"`;
  return { ok: false, message: `not valid TOML${where}: ${printable(result.message, 120)}` };
}

function attempt(text: string): Parsed<Record<string, unknown>> {
  try {
    return { ok: true, value: Bun.TOML.parse(text) as Record<string, unknown> };
  } catch (error) {
    // The stack overflows; Bun says so with a RangeError.
    if (error instanceof RangeError) return { ok: false, message: "nested too deeply" };
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, message: message.replace(/^TOML Parse error: /, "") };
  }
}

function errorOf(text: string): string | null {
  const result = attempt(text);
  return result.ok ? null : result.message;
}

/**
 * Bun's error carries no position in the text (its `line` is that of the caller), but the parser reads from the
 * front and stops at the first error. So the text is cut at line ends and parsed again.
 */
function lineOf(text: string, error: string): { number: number; text: string } | null {
  const ends = [...text.matchAll(/\n|(?<=[^\n])$/g)].map(({ index, 0: end }) => index + end.length);
  // What was never closed is an error of the end of the text; the line to show is where it was opened.
  const open = error.endsWith("found end of file") || error === "Unterminated string";
  const index = open ? firstOpen(text, ends) : firstWith(text, ends, error);
  if (index === null) return null;
  return { number: index + 1, text: text.slice(ends[index - 1] ?? 0, ends[index]).trim() };
}

/** The first line with which this very error appears: bisected, as the error stays once its line is included. */
function firstWith(text: string, ends: readonly number[], error: string): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (errorOf(text.slice(0, ends[middle])) === error) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The line after the longest part that is complete. Searched line by line, and no longer than a blink of an eye. */
function firstOpen(text: string, ends: readonly number[]): number | null {
  let budget = 4_000_000;
  for (let index = ends.length - 1; index > 0 && budget > 0; index--) {
    const complete = text.slice(0, ends[index - 1]);
    if (errorOf(complete) === null) return index;
    budget -= complete.length;
  }
  return budget > 0 ? 0 : null;
}
