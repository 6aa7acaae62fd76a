const UNITS = ["B", "K", "M", "G", "T", "P", "E"] as const;

/**
 * Bytes for a narrow column: `980M`, `1.2G`, `512K`; powers of 1024, at most four characters before the unit.
 * Always rounded towards zero: 979.9M never reads as the 980M it has not reached, 1023.9M never as 1024M.
 */
export function humanSize(bytes: number): string {
  return scaled(bytes, (value) => (value < 10 ? 2 : value < 100 ? 1 : 0));
}

/**
 * Bytes for a sentence that explains a decision: 0.1M exact up to a gigabyte, 0.001G above, so that usage and
 * threshold can be told apart. Rounded towards zero as `humanSize` is.
 */
export function exactSize(bytes: number): string {
  const magnitude = Math.abs(bytes);
  if (magnitude >= 2 ** 20 / 10 && magnitude < 2 ** 20) return `${truncated(bytes / 2 ** 20, 1)}M`;
  return scaled(bytes, (_value, unit) => (unit >= 3 ? 3 : unit === 2 ? 1 : 0));
}

/** Microseconds as the decision was measured: `210 us`, `3.4 ms`, `1.2 s`. */
export function humanMicros(micros: number): string {
  if (!Number.isFinite(micros)) return "?";
  const span = Math.max(0, micros);
  if (span < 1000) return `${Math.floor(span)} us`;
  if (span < 1_000_000) return `${truncated(span / 1000, span < 100_000 ? 1 : 0)} ms`;
  return `${truncated(span / 1_000_000, 1)} s`;
}

function scaled(bytes: number, decimalsOf: (value: number, unit: number) => number): string {
  if (!Number.isFinite(bytes)) return "?";
  let value = Math.abs(bytes);
  let unit = 0;
  // Dividing by 1024 is exact in binary floating point: no 1024.0K from rounding on the way up.
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = truncated(value, unit === 0 ? 0 : decimalsOf(value, unit));
  if (digits === "0") return "0";
  return `${bytes < 0 ? "-" : ""}${digits}${UNITS[unit]}`;
}

function truncated(value: number, decimals: number): string {
  const factor = 10 ** decimals;
  return String(Math.trunc(value * factor) / factor);
}
