import type { Reclaimer } from "../act/reclaimer.ts";
import type { Armer } from "../arm/armer.ts";
import type { IncidentKind } from "../record/incident.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Log } from "../report/log.ts";
import type { Metrics } from "../report/metrics/metrics.ts";
import { logIncident } from "../report/reporter.ts";
import type { FromSentinel } from "../sentinel/protocol.ts";
import type { Cluster } from "./cluster.ts";

/** Whom the sentinel's messages concern. */
export interface InboxParts {
  readonly log: Log;
  readonly recorder: Recorder;
  readonly cluster: Cluster;
  readonly metrics: Metrics;
  readonly armer: Armer;
  readonly reclaimer: Reclaimer;
}

/** Takes what the sentinel thread tells to whom it concerns, and counts the incidents. */
export class Inbox {
  readonly #parts: InboxParts;
  readonly #incidents: Record<IncidentKind, number> = { kill: 0, "would-kill": 0, "kernel-oom": 0, stuck: 0 };

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /** Since the guard was started. */
  get incidents(): Readonly<Record<IncidentKind, number>> {
    return this.#incidents;
  }

  receive(message: FromSentinel): void {
    const { log, recorder, cluster, metrics, armer, reclaimer } = this.#parts;
    switch (message.type) {
      case "incident":
        this.#incidents[message.incident.kind]++;
        recorder.record(message.incident, message.blackBoxSlot, performance.now());
        metrics.recorded(message.incident);
        logIncident(log, message.incident);
        cluster.wake();
        break;
      case "dead":
        recorder.setDead(message.id, message.deadMillis, performance.now());
        log.debug(`the victims are dead after ${message.deadMillis} ms`, { incident: message.id });
        break;
      case "near": {
        const cgroup = armer.cgroupAt(message.slot);
        if (cgroup !== undefined) reclaimer.near(cgroup, armer.marginBytes(cgroup), performance.now());
        break;
      }
      case "helpless":
        armer.helpless(message);
        break;
      case "recovered":
        armer.recovered(message.slot);
        break;
      case "gone":
        armer.gone(message.slot);
        break;
      case "released":
        armer.released(message);
        break;
      case "trouble":
        log.once(message.kind, message.key, "warn", message.message);
        break;
      case "settled":
        log.resolved("settled", message.key, "debug", `settled: ${message.key}`);
        break;
      case "ready":
      case "pong":
      case "failed":
      case "stopped":
        break;
    }
  }
}
