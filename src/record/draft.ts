import type { Policy } from "../config/config.ts";
import { type Reading, reclaimableBytes } from "../decide/reading.ts";
import type { Identity } from "../discover/identity.ts";
import type { Incident, IncidentKind, Trigger, Victim } from "./incident.ts";

// Enough to see afterwards whether the kill was carried out.
const INTENT_PIDS = 16;
const startedMs = Date.now();
let sequence = 0;

/** Unique on the node and sortable by time: two processes that start in the same millisecond differ by their pid. */
function nextId(timeMs: number): string {
  sequence++;
  const part = (value: number, width: number) => value.toString(36).padStart(width, "0");
  return `${part(timeMs, 9)}-${part(startedMs % 36 ** 6, 6)}${part(process.pid, 5)}-${part(sequence, 4)}`;
}

/** When an incident happens, and its name. */
export interface Moment {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/** This moment. */
export function thisMoment(): Moment {
  const timeMs = Date.now();
  return { id: nextId(timeMs), timeMs };
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

/** A new incident. */
export function draftIncident(facts: IncidentFacts, { id, timeMs }: Moment = thisMoment()): Incident {
  const { kind, trigger, policy, cgroup, identity, limitBytes, thresholdBytes, reading } = facts;
  return {
    id,
    timeMs,
    kind,
    trigger,
    policy,
    cgroup,
    namespace: identity?.namespace ?? null,
    pod: identity?.pod ?? null,
    podUid: identity?.podUid ?? null,
    container: identity?.container ?? null,
    containerId: identity?.containerId ?? null,
    limitBytes,
    thresholdBytes,
    usageBytes: reading?.usageBytes ?? null,
    reclaimableBytes: reading === null ? null : reclaimableBytes(reading),
    victims: facts.victims,
    victimCount: facts.victimCount,
    scope: null,
    silent: null,
    decideMicros: facts.decideMicros,
    deadMillis: null,
    event: { state: "off", attempts: 0, name: null, reason: null },
  };
}

/** The part of a kill that is known when its cgroup is armed, as the beginning of a JSON text for `intentText`. */
export function intentPrefix(
  facts: Pick<IncidentFacts, "policy" | "cgroup" | "identity" | "limitBytes" | "thresholdBytes">,
): string {
  const reading = null;
  const unknown = {
    ...facts,
    kind: "kill",
    trigger: "poll",
    reading,
    victims: [],
    victimCount: 0,
    decideMicros: null,
  } as const;
  const { id, timeMs, trigger, usageBytes, reclaimableBytes, victims, victimCount, ...known } = draftIncident(
    unknown,
    { id: "", timeMs: 0 },
  );
  return JSON.stringify(known).slice(0, -1);
}

/**
 * A whole incident as JSON, written down before the first SIGKILL. Composed, not serialised: at that moment every
 * microsecond is the leak's, and this touches a fifth of the code and memory that JSON.stringify does.
 */
export function intentText(
  prefix: string,
  { id, timeMs }: Moment,
  trigger: Trigger,
  reading: Reading,
  pids: readonly number[],
): string {
  let victims = "";
  for (let i = 0; i < pids.length && i < INTENT_PIDS; i++) {
    victims += `${i === 0 ? "" : ","}{"pid":${pids[i]},"comm":null,"rssBytes":null,"oomScoreAdj":null,"badness":null}`;
  }
  return `${prefix},"id":"${id}","timeMs":${timeMs},"trigger":"${trigger}","usageBytes":${reading.usageBytes},"reclaimableBytes":${reclaimableBytes(reading)},"victims":[${victims}],"victimCount":${pids.length}}`;
}
