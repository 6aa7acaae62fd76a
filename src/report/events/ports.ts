import type { Clock } from "../../clock.ts";
import type { PodKey } from "../../discover/find-pod.ts";
import type { ApiError, ApiResult } from "../../kubernetes/api-error.ts";
import type { CoreEvent, EventUpdate } from "../../kubernetes/core-event.ts";
import type { Outbox, StoredSeries } from "../../record/outbox.ts";
import type { StoreError } from "../../record/store-error.ts";
import type { EventPod } from "./event.ts";

/** Events on the API server. A request ends when it is aborted, and in reasonable time if not. */
export interface EventApi {
  /** POST. `conflict`: an Event of this name is there. */
  create(event: CoreEvent, signal: AbortSignal): Promise<ApiResult<unknown>>;
  /** Merge PATCH. `not-found`: there is no Event of this name. */
  update(
    namespace: string,
    name: string,
    update: EventUpdate,
    signal: AbortSignal,
  ): Promise<ApiResult<unknown>>;
}

/** The pod, with the uid that `kubectl describe` looks for (`nodeUid`), and which of its containers. */
export type ResolvedPod = EventPod;

/** Knows the pods of this node. */
export interface PodResolver {
  /** @returns null: a list made after the question does not have it */
  find(key: PodKey): Promise<ApiResult<ResolvedPod | null>>;
}

/** What the courier works with. */
export interface CourierPorts {
  /** The outbox of the store that is open now. */
  readonly outbox: () => Outbox | null;
  readonly events: EventApi;
  readonly pods: PodResolver;
  readonly nodeName: () => string;
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly wallNow: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Events that nobody will ever see. */
export interface GivenUp {
  readonly events: number;
  readonly reason: string;
  /** null: they went for want of room. */
  readonly series: StoredSeries | null;
}

/** What the courier tells. */
export interface CourierCallbacks {
  /**
   * At each request that failed and will be tried again; also when the pods of the node cannot be asked for.
   * @param startedMs when it began: what has worked since then speaks against it
   */
  readonly onTrouble: (error: ApiError, startedMs: number) => void;
  /** An answer after trouble. @param pending incidents whose Event is not sent yet */
  readonly onRecovered: (pending: number, outageMs: number) => void;
  /** The server has an Event as it is in the series. */
  readonly onDelivered: (series: StoredSeries) => void;
  readonly onGivenUp: (givenUp: GivenUp) => void;
  /** What was done cannot be noted; it will be done again, which does no harm. */
  readonly onStoreTrouble: (error: StoreError) => void;
  /** It can be noted again, after trouble that was told. */
  readonly onStoreRecovered: () => void;
}
