import type { Incident, IncidentEvent } from "../record/incident.ts";
import { jsonDocument } from "./json.ts";

/** One incident as `history --json` shows it: `Incident`, with the time in RFC 3339. */
export type HistoryEntry = Omit<Incident, "timeMs"> & { readonly time: string };

/** The whole answer of `oom-guard history --json`. */
export interface HistoryReport {
  readonly version: 1;
  readonly incidents: readonly HistoryEntry[];
}

/** The incidents, in the order given, with the fields of the contract in its order; `victimCount` tells how many died where `victims` lists fewer. */
export function historyReport(incidents: readonly Incident[]): HistoryReport {
  return { version: 1, incidents: incidents.map(entry) };
}

/** The report as it is written: one JSON document and a newline. */
export function renderHistoryJson(incidents: readonly Incident[]): string {
  return jsonDocument(historyReport(incidents));
}

/** A time in RFC 3339, UTC, with milliseconds; beyond what a Date can hold it is the epoch, never an exception. */
export function rfc3339(timeMs: number): string {
  const date = new Date(timeMs);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString();
}

function entry(incident: Incident): HistoryEntry {
  return {
    id: incident.id,
    time: rfc3339(incident.timeMs),
    kind: incident.kind,
    trigger: incident.trigger,
    policy: incident.policy,
    cgroup: incident.cgroup,
    namespace: incident.namespace,
    pod: incident.pod,
    podUid: incident.podUid,
    container: incident.container,
    containerId: incident.containerId,
    limitBytes: incident.limitBytes,
    thresholdBytes: incident.thresholdBytes,
    usageBytes: incident.usageBytes,
    reclaimableBytes: incident.reclaimableBytes,
    victims: incident.victims.map(({ pid, comm, rssBytes, oomScoreAdj, badness }) => ({
      pid,
      comm,
      rssBytes,
      oomScoreAdj,
      badness,
    })),
    victimCount: incident.victimCount,
    scope: incident.scope,
    silent: incident.silent,
    decideMicros: incident.decideMicros,
    deadMillis: incident.deadMillis,
    event: eventOf(incident.event),
  };
}

function eventOf({ state, attempts, name, reason }: IncidentEvent): IncidentEvent {
  return { state, attempts, name, reason };
}
