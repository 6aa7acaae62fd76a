/**
 * How long to wait before trying again: doubles from `firstMs` to the cap, minus up to half of it at random,
 * so that a thousand nodes (or two sockets of one) do not move in step.
 * @param attempt 0 for the first try after one that went well.
 * @param random from 0 to 1.
 */
export function backoffMs(attempt: number, firstMs: number, capMs: number, random: number): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (1 - random / 2));
}
