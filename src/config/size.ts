import type { Parsed } from "./parsed.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

const ALLOWED = 'must be bytes or a size like "512K", "50M", "1G" or "2T" (powers of 1024)';
const FRACTION = 'must be a whole number; for a fraction use a smaller unit ("1536K", not "1.5M")';
const LOWER_CASE = 'must have an upper-case unit, K, M, G or T, as in "50M"';
const TOO_LARGE = "must be below 8192T";

/**
 * Reads a size: bytes as a number, or text such as "4096", "512K", "50M", "1G", "2T" (powers of 1024).
 * Units are upper-case only: in a Kubernetes manifest "50m" means a twentieth of a byte, so a lower-case
 * unit is refused rather than guessed.
 */
export function parseSize(input: string | number): Parsed<number> {
  if (typeof input === "number") return wholeBytes(input);
  const match = /^(-?\d+)(\.\d+)?([KMGT]?)$/.exec(input);
  if (match === null) {
    return { ok: false, message: /^\d+[kmgt]$/.test(input) ? LOWER_CASE : ALLOWED };
  }
  if (match[2] !== undefined) return { ok: false, message: FRACTION };
  return wholeBytes(Number(match[1]) * (UNITS[match[3] ?? ""] ?? 1));
}

function wholeBytes(bytes: number): Parsed<number> {
  if (Number.isNaN(bytes)) return { ok: false, message: ALLOWED };
  if (bytes < 0) return { ok: false, message: "must not be negative" };
  // Above 2^53 a number no longer counts single bytes; no machine has 8 PiB.
  if (bytes > Number.MAX_SAFE_INTEGER) return { ok: false, message: TOO_LARGE };
  if (!Number.isInteger(bytes)) return { ok: false, message: FRACTION };
  return { ok: true, value: bytes };
}

/** The exact size in the notation `parseSize` reads, with the largest unit that divides it: 50M, 1536K, 4097. */
export function writeSize(bytes: number): string {
  const unit = ["T", "G", "M", "K"].find((name) => bytes > 0 && bytes % (UNITS[name] ?? 1) === 0) ?? "";
  return `${bytes / (UNITS[unit] ?? 1)}${unit}`;
}
