import type { IncidentKind } from "../record/incident.ts";
import { printable } from "./text.ts";

/** What the guard is doing, and has done since it was started. */
export interface GuardCounts {
  /** Cgroups that are armed. */
  readonly cgroups: number;
  readonly incidents: Readonly<Record<IncidentKind, number>>;
  /** Incidents that are only in memory, because the store does not work. */
  readonly unstored: number;
  /** Events not sent yet; null: nobody knows. */
  readonly waitingEvents: number | null;
}

const MAX_PROBLEM = 300;

/**
 * The line `systemctl status` shows.
 * @param problem why the configuration file is not in force; null: it is
 */
export function statusText(counts: GuardCounts, problem: string | null): string {
  const { cgroups, incidents, unstored, waitingEvents } = counts;
  const kinds = [
    `${incidents.kill} killed`,
    `${incidents["would-kill"]} would have been`,
    `${incidents["kernel-oom"]} by the kernel`,
    incidents.stuck > 0 ? `${incidents.stuck} stuck` : null,
  ].filter((kind) => kind !== null);
  const parts = [
    `guarding ${count(cgroups, "cgroup", "cgroups")}`,
    `${kinds.join(", ")} since start`,
    waitingEvents ? count(waitingEvents, "Event waits", "Events wait") : null,
    unstored > 0 ? count(unstored, "incident is in memory only", "incidents are in memory only") : null,
    problem === null ? null : `the running configuration stays: ${printable(problem, MAX_PROBLEM)}`,
  ];
  return parts.filter((part) => part !== null).join("; ");
}

function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`;
}
