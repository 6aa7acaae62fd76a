import { backoffMs } from "../backoff.ts";
import type { ApiError } from "../kubernetes/api-error.ts";
import { type Bucket, type BucketRule, FULL, takeToken, tokenAtMs } from "../token-bucket.ts";

/** Lists in quick succession, after a quiet time; then one in 10 s, whatever happens on the node. */
const FLOOR: BucketRule = { burst: 3, refillMs: 10_000 };
const FIRST_PAUSE_MS = 2000;
const CAP_MS = 5 * 60_000;

/**
 * When the API server may be asked for the node's pods: not more often than the floor, and after a failure not before
 * its backoff. Pure but for the random number.
 */
export class ListPace {
  readonly #random: () => number;
  #bucket: Bucket = FULL;
  #failures = 0;
  #failing: { readonly error: ApiError; readonly untilMs: number } | null = null;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The first moment from now on at which a list may begin. */
  earliestMs(nowMs: number): number {
    return Math.max(nowMs, tokenAtMs(this.#bucket, FLOOR), this.#failing?.untilMs ?? nowMs);
  }

  /** Why nobody may ask now, when that is because the last answer was an error. */
  failing(nowMs: number): ApiError | null {
    return this.#failing !== null && nowMs < this.#failing.untilMs ? this.#failing.error : null;
  }

  began(nowMs: number): void {
    this.#bucket = takeToken(this.#bucket, FLOOR, nowMs);
  }

  /** The API server answered, or is another one. */
  succeeded(): void {
    this.#failures = 0;
    this.#failing = null;
  }

  failed(error: ApiError, nowMs: number): void {
    this.#failing = { error, untilMs: nowMs + this.#pauseMs(error) };
  }

  /** The server works for others: it may be asked again, unless it was about the right to. A failure after this is one more. */
  lift(): void {
    if (this.#failing?.error.kind !== "forbidden") this.#failing = null;
  }

  #pauseMs({ retryAfterMs }: ApiError): number {
    const pauseMs = backoffMs(this.#failures++, FIRST_PAUSE_MS, CAP_MS, this.#random());
    return Math.max(pauseMs, Math.min(retryAfterMs ?? 0, CAP_MS));
  }
}

/** How long to wait before looking again for names that a number of lists did not have. */
export function patienceMs(misses: number, random: number): number {
  return backoffMs(Math.max(0, misses - 1), FIRST_PAUSE_MS, CAP_MS, random);
}
