import type { Incident } from "../record/incident.ts";
import { incidentMessage } from "./incident-message.ts";
import type { Log } from "./log.ts";

/** Logs an incident: one line with the numbers the decision used, and the same as fields. */
export function logIncident(log: Log, incident: Incident): void {
  const { id, kind, trigger, policy, cgroup, namespace, pod, container, containerId } = incident;
  const { limitBytes, thresholdBytes, usageBytes, reclaimableBytes, decideMicros, victimCount } = incident;
  const { scope, silent } = incident;
  const say = kind === "stuck" ? log.error : log.warn;
  say(kind, incidentMessage(incident), {
    incident: id,
    kind,
    trigger,
    policy,
    cgroup,
    namespace,
    pod,
    container,
    containerId,
    limitBytes,
    thresholdBytes,
    usageBytes,
    reclaimableBytes,
    decideMicros,
    victimCount,
    scope,
    silent,
    pids: incident.victims.map((victim) => victim.pid).join(" "),
  });
}
