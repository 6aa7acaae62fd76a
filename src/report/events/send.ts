import { ApiError, type ApiResult } from "../../kubernetes/api-error.ts";
import type { StoredSeries } from "../../record/outbox.ts";
import { eventOf, updateOf } from "./event.ts";
import type { EventApi } from "./ports.ts";

/** What came of an attempt to tell the server of a series. */
export type SendResult =
  | { readonly type: "delivered" }
  /** It would be refused for ever. */
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "failed"; readonly error: ApiError };

/** An Event may go while it is looked for: made, found there, gone again, made. More than that is no coincidence. */
const MAX_REQUESTS = 4;

/**
 * Brings the Event on the server to the state of the series. What is sent is the whole state, never a difference, so
 * it may be sent again after an answer was lost: the Event that is there already is found by its name (409), and one
 * that expired or was deleted is made again (404).
 */
export async function sendSeries(
  series: StoredSeries,
  nodeName: string,
  api: EventApi,
  signal: AbortSignal,
): Promise<SendResult> {
  let isThere = series.confirmed > 0;
  for (let i = 0; i < MAX_REQUESTS; i++) {
    const result = await answerOf(() =>
      isThere
        ? api.update(series.namespace, series.name, updateOf(series), signal)
        : api.create(eventOf(series, nodeName), signal),
    );
    if (result.ok) return { type: "delivered" };
    const { kind, message } = result.error;
    if (kind === (isThere ? "not-found" : "conflict")) {
      isThere = !isThere;
      continue;
    }
    // Nothing but the namespace can be missing where an Event is made.
    if (kind === "gone" || kind === "not-found") return { type: "refused", reason: "namespace is gone" };
    if (kind === "rejected") return { type: "refused", reason: `refused by the API server: ${message}` };
    return { type: "failed", error: result.error };
  }
  const { namespace, name } = series;
  const message = `the Event ${namespace}/${name} is said to be there when it is made, and not when it is changed`;
  return { type: "failed", error: new ApiError("garbage", message) };
}

/** The answer; whatever is thrown instead of it is one too. */
export async function answerOf<T>(ask: () => Promise<ApiResult<T>>): Promise<ApiResult<T>> {
  try {
    return await ask();
  } catch (cause) {
    return { ok: false, error: new ApiError("garbage", `unexpected: ${String(cause)}`, { cause }) };
  }
}
