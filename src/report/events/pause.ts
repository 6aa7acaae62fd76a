import { backoffMs } from "../../backoff.ts";

const FIRST_MS = 1000;
/** A server may ask for patience, not for an hour. */
const LONGEST_WISH_MS = 600_000;

/** How long to leave alone what failed: longer each time, until it works. */
export class Pause {
  readonly #random: () => number;
  #failures = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Failures since it last worked. */
  get failures(): number {
    return this.#failures;
  }

  /** When it may be tried again; not after now: at once. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** It failed. @param atLeastMs what was asked for */
  failed(nowMs: number, capMs: number, atLeastMs = 0): void {
    const ownMs = backoffMs(this.#failures, FIRST_MS, capMs, this.#random());
    this.#untilMs = nowMs + Math.max(ownMs, Math.min(atLeastMs, LONGEST_WISH_MS));
    this.#failures++;
  }

  /** It works, or another reason to fail is gone: it may be tried at once. */
  lift(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** It works. */
  end(): void {
    this.#failures = 0;
    this.lift();
  }
}
