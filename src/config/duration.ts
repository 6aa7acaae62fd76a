import type { Parsed } from "./parsed.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const ALLOWED = 'must be a time like "500ms", "30s", "5m" or "1h"';
const FRACTION = 'must be a whole number; for a fraction use a smaller unit ("1500ms", not "1.5s")';
const NO_UNIT = 'must have a unit: ms, s, m or h, as in "30s"';

/** Reads a time such as "500ms", "30s", "5m", "1h" into milliseconds. A bare number is refused: it could be either. */
export function parseDuration(input: string | number): Parsed<number> {
  if (typeof input === "number") return { ok: false, message: NO_UNIT };
  const match = /^(-?\d+)(\.\d+)?(ms|s|m|h)?$/.exec(input);
  if (match === null) return { ok: false, message: ALLOWED };
  const unit = UNITS[match[3] ?? ""];
  if (unit === undefined) return { ok: false, message: NO_UNIT };
  if (match[2] !== undefined) return { ok: false, message: FRACTION };
  const milliseconds = Number(match[1]) * unit;
  if (milliseconds < 0) return { ok: false, message: "must not be negative" };
  if (milliseconds > Number.MAX_SAFE_INTEGER)
    return { ok: false, message: "must be a time a machine can live to see" };
  return { ok: true, value: milliseconds };
}
