import { LISTED_VICTIMS } from "../act/strike.ts";
import type { Policy } from "../config/config.ts";
import type { Identity } from "../discover/identity.ts";
import type { KernelKill } from "../kernel-log/kernel-kill.ts";
import type { Incident, OomScope } from "../record/incident.ts";
import { type Death, placeOf } from "./matcher.ts";

/** What the two sources do not tell of a death. */
export interface DeathFacts {
  readonly identity: Identity;
  readonly policy: Policy;
  readonly scope: OomScope | null;
  readonly silent: boolean | null;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/** A kill by the kernel as an incident. @param id for one that the log has told */
export function deathIncident(death: Death, facts: DeathFacts, id: (kill: KernelKill) => string): Incident {
  const { kills, counted } = death;
  const { identity, ...rest } = facts;
  const { namespace, pod, podUid, container, containerId } = identity;
  const names = { namespace, pod, podUid, container, containerId };
  const base = counted[0]?.incident;
  const [kill] = kills;
  if (kill === undefined) {
    if (base === undefined) throw new Error("a death that nobody told");
    return { ...base, ...names, ...rest, timeMs: base.timeMs };
  }
  const victims = kills.map(({ victim }) => ({ ...victim, badness: null }));
  // The watch that noticed it may be another cgroup's than the one whose limit was reached.
  const isOfWatch = base !== undefined && base.limitBytes === kill.limitBytes;
  return {
    id: id(kill),
    kind: "kernel-oom",
    trigger: "kmsg",
    cgroup: placeOf(death) ?? "/",
    ...names,
    ...rest,
    limitBytes: kill.limitBytes,
    thresholdBytes: isOfWatch ? base.thresholdBytes : null,
    usageBytes: kill.usageBytes,
    reclaimableBytes: null,
    victims: victims.slice(0, LISTED_VICTIMS),
    victimCount: victims.length,
    decideMicros: null,
    deadMillis: null,
    event: { state: "off", attempts: 0, name: null, reason: null },
  };
}

/**
 * The same for the same kill, whoever reads the log and how often: the store keeps one. Sortable by time as far as the
 * log's clock goes.
 * @param epochMs wall time of the log's zero, see `LogPlace`
 */
export function killId({ seq, bootMicros }: KernelKill, bootId: string, epochMs: number): string {
  const part = (value: number, width: number) => value.toString(36).padStart(width, "0");
  const timeMs = Math.max(0, Math.round(epochMs + bootMicros / 1000));
  return `${part(timeMs, 9)}-${part(Bun.hash.crc32(bootId), 7)}-k${seq.toString(36)}`;
}
