import type { Policy } from "../config/config.ts";
import { type Reading, reclaimableBytes } from "../decide/reading.ts";
import type { Identity } from "../discover/identity.ts";
import type { Incident, IncidentKind, Trigger, Victim } from "./incident.ts";

const startedMs = Date.now();
let sequence = 0;

/** Unique on the node and sortable by time: two processes that start in the same millisecond differ by their pid. */
function nextId(timeMs: number): string {
  sequence++;
  const part = (value: number, width: number) => value.toString(36).padStart(width, "0");
  return `${part(timeMs, 9)}-${part(startedMs % 36 ** 6, 6)}${part(process.pid, 5)}-${part(sequence, 4)}`;
}

/** What an incident is made of. */
export interface IncidentFacts {
  readonly kind: IncidentKind;
  readonly trigger: Trigger;
  readonly policy: Policy;
  /** The cgroup that was over its threshold. */
  readonly cgroup: string;
  /** Whose container it hit. */
  readonly identity: Identity | undefined;
  readonly limitBytes: number;
  readonly thresholdBytes: number;
  /** What the decision was made on; null where nothing was decided. */
  readonly reading: Reading | null;
  readonly victims: readonly Victim[];
  readonly victimCount: number;
  readonly decideMicros: number | null;
}

/** A new incident, happening now. */
export function draftIncident(facts: IncidentFacts): Incident {
  const timeMs = Date.now();
  const { kind, trigger, policy, cgroup, identity, limitBytes, thresholdBytes, reading } = facts;
  return {
    id: nextId(timeMs),
    timeMs,
    kind,
    trigger,
    policy,
    cgroup,
    namespace: identity?.namespace ?? null,
    pod: identity?.pod ?? null,
    container: identity?.container ?? null,
    containerId: identity?.containerId ?? null,
    limitBytes,
    thresholdBytes,
    usageBytes: reading?.usageBytes ?? null,
    reclaimableBytes: reading === null ? null : reclaimableBytes(reading),
    victims: facts.victims,
    victimCount: facts.victimCount,
    decideMicros: facts.decideMicros,
    deadMillis: null,
    event: { state: "off", attempts: 0 },
  };
}
