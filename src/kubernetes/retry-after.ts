/** Nobody is told to stay silent for longer. */
const LONGEST_MS = 60 * 60 * 1000;

/**
 * How long the server asks us to wait; null if it does not, or not in a way that means something.
 * @param header Retry-After: seconds or a date.
 * @param seconds the same of the Status, which counts where the header is missing.
 */
export function retryAfterMs(header: string | null, seconds: number | null, now: number): number | null {
  const wait = header === null ? Number.NaN : headerMs(header.trim(), now);
  const ms = Number.isNaN(wait) ? (seconds ?? 0) * 1000 : wait;
  return ms > 0 ? Math.min(ms, LONGEST_MS) : null;
}

function headerMs(header: string, now: number): number {
  return /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
}
