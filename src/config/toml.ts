import { printable } from "../report/text.ts";
import type { Parsed } from "./parsed.ts";

/** Work allowed for finding the line of an error, in characters parsed again. */
const SEARCH_BUDGET = 4_000_000;

/** Reads TOML. The message of an error is one printable line, with the line number where that can be told. */
export function parseToml(text: string): Parsed<Record<string, unknown>> {
  const error = errorOf(text);
  if (error === null) return { ok: true, value: Bun.TOML.parse(text) as Record<string, unknown> };
  const line = lineOf(text, error);
  const where = line === null ? "" : ` at line ${line.number}, "${printable(line.text, 60)}"`;
  return { ok: false, message: `not valid TOML${where}: ${printable(error, 120)}` };
}

function errorOf(text: string): string | null {
  try {
    Bun.TOML.parse(text);
    return null;
  } catch (error) {
    if (error instanceof RangeError) return "nested too deeply";
    return (error instanceof Error ? error.message : String(error)).replace(/^TOML Parse error: /, "");
  }
}

/**
 * Bun's error carries no position in the text (its `line` is that of the caller). The parser reads from the front
 * and stops at the first error, so the line is the last one without which the error is a different one or none.
 */
function lineOf(text: string, error: string): { number: number; text: string } | null {
  const lines = text.split("\n");
  let budget = SEARCH_BUDGET;
  let end = text.length;
  for (let number = lines.length; number > 0; number--) {
    const line = lines[number - 1] ?? "";
    end -= line.length + (number < lines.length ? 1 : 0);
    budget -= end;
    if (budget < 0) return null;
    if (errorOf(text.slice(0, end)) !== error) return { number, text: line.trim() };
  }
  return null;
}
