import * as v from "valibot";
import type { ApiResult } from "./api-error.ts";
import type { ApiClient } from "./client.ts";
import type { CoreEvent, EventUpdate } from "./core-event.ts";
import { rights } from "./rights.ts";

/** An Event comes back; that it is one is all there is to know. */
const Event = v.pipe(
  v.object({ kind: v.literal("Event") }),
  v.transform(() => null),
);

/** Posts an Event. One of the same name makes it a `conflict`, a namespace that is no more makes it `gone`. */
export function createEvent(
  client: ApiClient,
  event: CoreEvent,
  signal?: AbortSignal,
): Promise<ApiResult<null>> {
  return client.request({
    method: "POST",
    path: eventPath(event.metadata.namespace),
    body: event,
    right: rights.createEvents,
    schema: Event,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Says that it happened again. An Event the server has forgotten (it keeps them for an hour) is `not-found`. */
export function updateEvent(
  client: ApiClient,
  namespace: string,
  name: string,
  { message, count, lastTimestamp }: EventUpdate,
  signal?: AbortSignal,
): Promise<ApiResult<null>> {
  return client.request({
    method: "PATCH",
    path: [...eventPath(namespace), name],
    body: { message, count, lastTimestamp },
    contentType: "application/merge-patch+json",
    right: rights.patchEvents,
    schema: Event,
    ...(signal === undefined ? {} : { signal }),
  });
}

function eventPath(namespace: string): string[] {
  return ["api", "v1", "namespaces", namespace, "events"];
}
