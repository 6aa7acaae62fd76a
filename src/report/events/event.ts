import type { CoreEvent, EventUpdate } from "../../kubernetes/core-event.ts";
import type { EventSeries, Occurrence, SeriesKey } from "../../record/event-series.ts";
import type { Incident } from "../../record/incident.ts";
import { rfc3339 } from "../history-json.ts";
import { incidentMessage } from "../incident-message.ts";

const COMPONENT = "oom-guard";
const MAX_NAME = 253;
const MAX_ID = 63;
/** The API server counts Go's len(), which is bytes, where it counts at all: for Events of events.k8s.io. */
const MAX_MESSAGE_BYTES = 1024;
const MAX_INSTANCE = 128;
const MAX_COUNT = 2 ** 31 - 1;
/** Go reads no year of five digits: such an Event would be refused for ever. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** The pod an Event is about. */
export type EventPod = Pick<SeriesKey, "namespace" | "pod" | "podUid" | "container">;

/** Why the Event was made, in the CamelCase that Events use; null: this kind of incident gets none. */
export function eventReason({ kind, policy }: Pick<Incident, "kind" | "policy">): string | null {
  switch (kind) {
    case "kill":
      return policy === "process" ? "OomGuardKillProcess" : "OomGuardKillContainer";
    case "kernel-oom":
      return "OomGuardKernelOomKill";
    case "stuck":
      return "OomGuardKillStuck";
    case "would-kill":
      return null;
  }
}

/** The incident as an Event of its pod tells it; null: it gets none. */
export function occurrenceOf(incident: Incident, pod: EventPod): Occurrence | null {
  const reason = eventReason(incident);
  if (reason === null) return null;
  const { id, timeMs } = incident;
  // What the log said before the pod was known, with its names.
  const named = {
    ...incident,
    namespace: incident.namespace ?? pod.namespace,
    pod: incident.pod ?? pod.pod,
    container: incident.container ?? pod.container,
  };
  return {
    namespace: pod.namespace,
    pod: pod.pod,
    podUid: pod.podUid,
    container: pod.container,
    reason,
    name: eventName(pod.pod, id),
    message: fit(incidentMessage(named), MAX_MESSAGE_BYTES),
    timeMs: Math.round(timeMs),
  };
}

/**
 * `<pod>.<incident id>`, as kubelet names its Events: made again after a lost answer it meets the first one, and never
 * that of another incident. A DNS subdomain whatever the names are: labels are lower case letters, digits and dashes
 * between them, and a pod's name that is too long loses its end.
 */
export function eventName(pod: string, incidentId: string): string {
  const id = subdomain(incidentId, MAX_ID) || "incident";
  const head = subdomain(pod, MAX_NAME - 1 - id.length);
  return head === "" ? id : `${head}.${id}`;
}

/** The Event as it has to be on the server. @param host the node's name */
export function eventOf(series: EventSeries, host: string): CoreEvent {
  const { namespace, pod, podUid, container, reason, name, firstMs } = series;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace },
    involvedObject: {
      apiVersion: "v1",
      kind: "Pod",
      namespace,
      name: pod,
      uid: podUid,
      ...(container !== null && { fieldPath: `spec.containers{${container}}` }),
    },
    reason,
    type: "Warning",
    source: { component: COMPONENT, host },
    reportingComponent: COMPONENT,
    reportingInstance: host.slice(0, MAX_INSTANCE),
    firstTimestamp: wholeSeconds(firstMs),
    ...updateOf(series),
  };
}

/** What of the Event changes when it happens again. */
export function updateOf({ message, count, lastMs }: EventSeries): EventUpdate {
  return { message, count: Math.min(count, MAX_COUNT), lastTimestamp: wholeSeconds(lastMs) };
}

function subdomain(text: string, maxLength: number): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, "-")
    .slice(0, maxLength)
    .split(".")
    .map((label) => label.replace(/^-+|-+$/g, ""))
    .filter((label) => label !== "")
    .join(".");
}

function wholeSeconds(timeMs: number): string {
  const inRange = Math.min(Math.max(timeMs, 0), LAST_MS);
  return rfc3339(inRange).replace(/\.\d+Z$/, "Z");
}

function fit(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const ellipsis = "…";
  const room = new Uint8Array(maxBytes - Buffer.byteLength(ellipsis));
  // encodeInto stops before a character that does not fit whole.
  return text.slice(0, new TextEncoder().encodeInto(text, room).read) + ellipsis;
}
