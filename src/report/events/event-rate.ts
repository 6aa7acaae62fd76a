import {
  type Bucket,
  type BucketRule,
  FULL,
  isFull,
  returnToken,
  takeToken,
  tokenAtMs,
} from "./token-bucket.ts";

/** As client-go limits the Events of one object. */
export const POD_RULE: BucketRule = { burst: 25, refillMs: 300_000 };
/** A thousand nodes must not bring the API server down when something makes containers leak everywhere. */
export const NODE_RULE: BucketRule = { burst: 50, refillMs: 10_000 };

/** How often this node may tell the API server something, of one pod and of all. Times are monotonic. */
export class EventRate {
  readonly #pods = new Map<string, Bucket>();
  #node: Bucket = FULL;

  /** Pods that told something lately. */
  get size(): number {
    return this.#pods.size;
  }

  /** When something may be told of the pod; not after now: at once. */
  readyAtMs(pod: string): number {
    return Math.max(tokenAtMs(this.#node, NODE_RULE), tokenAtMs(this.#pods.get(pod) ?? FULL, POD_RULE));
  }

  /** Takes the right to tell something of the pod. */
  take(pod: string, nowMs: number): void {
    this.#node = takeToken(this.#node, NODE_RULE, nowMs);
    this.#pods.set(pod, takeToken(this.#pods.get(pod) ?? FULL, POD_RULE, nowMs));
  }

  /** Gives it back: the server did not answer, so it cost it nothing. */
  giveBack(pod: string): void {
    this.#node = returnToken(this.#node, NODE_RULE);
    const bucket = this.#pods.get(pod);
    if (bucket !== undefined) this.#pods.set(pod, returnToken(bucket, POD_RULE));
  }

  /** Forgets the pods of long ago. */
  prune(nowMs: number): void {
    for (const [pod, bucket] of this.#pods) if (isFull(bucket, nowMs)) this.#pods.delete(pod);
  }
}
