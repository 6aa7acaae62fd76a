const FIRST_MS = 100;

/**
 * How long to wait before connecting again: doubles from 100 ms to the cap, minus up to half of it at random,
 * so that a thousand nodes (or two sockets of one) do not move in step.
 * @param attempt 0 for the first try after a connection that held.
 * @param random from 0 to 1.
 */
export function backoffMs(attempt: number, capMs: number, random: number): number {
  const full = Math.min(capMs, FIRST_MS * 2 ** Math.min(attempt, 30));
  return Math.round(full * (1 - random / 2));
}
