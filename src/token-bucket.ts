/** So many at once, and one more each `refillMs`. */
export interface BucketRule {
  readonly burst: number;
  readonly refillMs: number;
}

/**
 * A bucket of tokens as one number: when it will be full again. No fractions of tokens, so that waiting exactly until
 * `tokenAtMs` is enough. One that is full is like a new one and need not be kept.
 */
export type Bucket = number;

/** A bucket that was never used. */
export const FULL: Bucket = Number.NEGATIVE_INFINITY;

/** When there is a token to take; not after `nowMs`: there is one. */
export function tokenAtMs(bucket: Bucket, { burst, refillMs }: BucketRule): number {
  return bucket - (burst - 1) * refillMs;
}

/** The bucket without one token. */
export function takeToken(bucket: Bucket, { refillMs }: BucketRule, nowMs: number): Bucket {
  return Math.max(bucket, nowMs) + refillMs;
}

/** The bucket with the token that was taken, but came to nothing. */
export function returnToken(bucket: Bucket, { refillMs }: BucketRule): Bucket {
  return bucket - refillMs;
}

/** May it be forgotten? */
export function isFull(bucket: Bucket, nowMs: number): boolean {
  return bucket <= nowMs;
}
