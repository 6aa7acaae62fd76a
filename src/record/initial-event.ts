import type { Incident, IncidentEvent } from "./incident.ts";

/**
 * Whether incidents get a Kubernetes Event. off: the configuration says no. absent: no way to an API server was found,
 * as on a host with Docker alone, but kubelet may bring one. on: there is one, whether it answers or not.
 */
export type EventMode = "off" | "absent" | "on";

/** What an incident's Event is when the incident is recorded: pending, or off with the reason. */
export function initialEvent(incident: Incident, mode: EventMode): IncidentEvent {
  const reason = reasonForNone(incident, mode);
  return { state: reason === null ? "pending" : "off", attempts: 0, name: null, reason };
}

function reasonForNone({ kind, pod, podUid, containerId }: Incident, mode: EventMode): string | null {
  if (kind === "would-kill") return "noop";
  if (mode === "off") return "kubernetes is off";
  if (pod === null && podUid === null && containerId === null) return "not in a pod";
  // With a pod's uid this is a node, and the file that leads to its API server may be written any moment.
  if (mode === "absent" && podUid === null) return "no API server";
  return null;
}
