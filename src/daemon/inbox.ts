import type { Reclaimer } from "../act/reclaimer.ts";
import type { Armer } from "../arm/armer.ts";
import type { KernelKills } from "../kernel-oom/kernel-kills.ts";
import type { Incident, IncidentKind } from "../record/incident.ts";
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
  readonly kernelKills: KernelKills;
}

/** Takes what the sentinel thread tells to whom it concerns; records, reports and counts the incidents. */
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

  /** Something happened. @param slots where it is in the black box until it is stored */
  record(incident: Incident, slots: readonly number[]): void {
    const { log, recorder, cluster, metrics } = this.#parts;
    this.#incidents[incident.kind]++;
    recorder.record(incident, slots, performance.now());
    metrics.recorded(incident);
    logIncident(log, incident);
    cluster.wake();
  }

  receive(message: FromSentinel): void {
    const { log, recorder, armer, reclaimer, kernelKills } = this.#parts;
    switch (message.type) {
      case "incident": {
        const { incident, blackBoxSlot, pids } = message;
        if (pids.length > 0) kernelKills.struck(incident.cgroup, pids);
        this.record(incident, [blackBoxSlot]);
        break;
      }
      case "kernel-kill":
        kernelKills.counted({ ...message, slot: message.blackBoxSlot });
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
      case "left-open":
        armer.leftOpen(message);
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
