import {
  type Bucket,
  type BucketRule,
  FULL,
  isFull,
  returnToken,
  takeToken,
  tokenAtMs,
} from "../../token-bucket.ts";

/**
 * Enough for every death of a pod that kubelet restarts ever more slowly (after 10, 20, 40 ... 300 s); what dies in a
 * loop of its own is told five times and then once a minute. client-go's 25 at once and one in 5 min would be 125,000
 * requests of 5,000 nodes at once, and an older count afterwards.
 */
export const POD_RULE: BucketRule = { burst: 5, refillMs: 60_000 };
/** Of all pods together: 500 requests a second from 5,000 nodes on which everything leaks. */
export const NODE_RULE: BucketRule = { burst: 30, refillMs: 10_000 };

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
