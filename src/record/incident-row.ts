import * as v from "valibot";
import type { Incident } from "./incident.ts";

const known = v.nullable(v.number());
const name = v.nullable(v.string());

const Victims = v.array(
  v.object({ pid: v.number(), comm: name, rssBytes: known, oomScoreAdj: known, badness: known }),
);

/** A row as SQLite gives it; the file may have been edited, or half repaired, so nothing is taken on trust. */
const Row = v.pipe(
  v.object({
    id: v.string(),
    time_ms: v.number(),
    kind: v.picklist(["kill", "would-kill", "kernel-oom", "stuck"]),
    trigger: v.picklist(["threshold", "pressure", "poll", "oom", "kmsg", "scan"]),
    policy: v.picklist(["process", "container", "noop"]),
    cgroup: v.string(),
    namespace: name,
    pod: name,
    pod_uid: name,
    container: name,
    container_id: name,
    limit_bytes: known,
    threshold_bytes: known,
    usage_bytes: known,
    reclaimable_bytes: known,
    victims: v.pipe(v.string(), v.parseJson(), Victims),
    victim_count: v.number(),
    scope: v.nullable(v.picklist(["container", "pod", "node"])),
    silent: v.nullable(v.picklist([0, 1])),
    decide_micros: known,
    dead_millis: known,
    event_state: v.picklist(["sent", "pending", "off"]),
    event_attempts: v.number(),
    event_name: name,
    event_reason: name,
  }),
  v.transform(
    (row): Incident => ({
      id: row.id,
      timeMs: row.time_ms,
      kind: row.kind,
      trigger: row.trigger,
      policy: row.policy,
      cgroup: row.cgroup,
      namespace: row.namespace,
      pod: row.pod,
      podUid: row.pod_uid,
      container: row.container,
      containerId: row.container_id,
      limitBytes: row.limit_bytes,
      thresholdBytes: row.threshold_bytes,
      usageBytes: row.usage_bytes,
      reclaimableBytes: row.reclaimable_bytes,
      victims: row.victims,
      victimCount: row.victim_count,
      scope: row.scope,
      silent: row.silent === null ? null : row.silent === 1,
      decideMicros: row.decide_micros,
      deadMillis: row.dead_millis,
      event: {
        state: row.event_state,
        attempts: row.event_attempts,
        name: row.event_name,
        reason: row.event_reason,
      },
    }),
  ),
);

/** The columns in the order of `incidentValues`. */
export const INCIDENT_COLUMNS = [
  "id",
  "time_ms",
  "kind",
  "trigger",
  "policy",
  "cgroup",
  "namespace",
  "pod",
  "pod_uid",
  "container",
  "container_id",
  "limit_bytes",
  "threshold_bytes",
  "usage_bytes",
  "reclaimable_bytes",
  "victims",
  "victim_count",
  "scope",
  "silent",
  "decide_micros",
  "dead_millis",
  "event_state",
  "event_attempts",
  "event_name",
  "event_reason",
] as const;

/** The incident as values to bind, in the order of the columns. */
export function incidentValues(incident: Incident): (string | number | null)[] {
  return [
    incident.id,
    incident.timeMs,
    incident.kind,
    incident.trigger,
    incident.policy,
    incident.cgroup,
    incident.namespace,
    incident.pod,
    incident.podUid,
    incident.container,
    incident.containerId,
    incident.limitBytes,
    incident.thresholdBytes,
    incident.usageBytes,
    incident.reclaimableBytes,
    JSON.stringify(incident.victims),
    incident.victimCount,
    incident.scope,
    incident.silent === null ? null : Number(incident.silent),
    incident.decideMicros,
    incident.deadMillis,
    incident.event.state,
    incident.event.attempts,
    incident.event.name,
    incident.event.reason,
  ];
}

/** The incident of a row, or null where the row is not one. */
export function incidentOfRow(row: unknown): Incident | null {
  const result = v.safeParse(Row, row);
  return result.success ? result.output : null;
}

/** An incident out of JSON, checked like a row; null where it is not one. What an older version did not write is null. */
export function parseIncident(json: unknown): Incident | null {
  if (typeof json !== "object" || json === null || !("event" in json)) return null;
  if (typeof json.event !== "object" || json.event === null) return null;
  const event = { name: null, reason: null, ...json.event };
  const values = incidentValues({ podUid: null, scope: null, silent: null, ...json, event } as Incident);
  return incidentOfRow(Object.fromEntries(INCIDENT_COLUMNS.map((column, index) => [column, values[index]])));
}
