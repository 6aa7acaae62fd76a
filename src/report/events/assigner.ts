import type { Incident } from "../../record/incident.ts";
import type { Decision, Outbox } from "../../record/outbox.ts";
import { type EventPod, occurrenceOf } from "./event.ts";
import { Pause } from "./pause.ts";
import { mayTellMore, PodLag } from "./pod-lag.ts";
import type { CourierCallbacks, CourierPorts, ResolvedPod } from "./ports.ts";
import { answerOf } from "./send.ts";
import { SERVER_CAP_MS } from "./server-health.ts";
import { NEVER, type StepTools } from "./step.ts";
import type { StoreGate } from "./store-gate.ts";
import type { Tasks } from "./tasks.ts";

/** Incidents taken at a time, so that a thousand of them do not hold up the main thread. */
const BATCH = 100;

/** Incidents of one container, not all of whose names are known. */
interface Unnamed {
  readonly key: string;
  readonly incidents: readonly Incident[];
}

/** Finds out whose the incidents are, and puts them into the series of their pods. */
export class Assigner {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #store: StoreGate;
  readonly #tasks: Tasks;
  readonly #onRecovered: (outageMs: number) => void;
  readonly #pause: Pause;
  readonly #lag: PodLag;
  #resolving = false;
  #unresolvedSinceMs: number | null = null;
  #resolvesSinceMs = Number.NEGATIVE_INFINITY;

  /** @param onRecovered the pods of the node can be asked for again */
  constructor({ ports, tell, store, tasks }: StepTools, onRecovered: (outageMs: number) => void) {
    this.#ports = ports;
    this.#tell = tell;
    this.#store = store;
    this.#tasks = tasks;
    this.#onRecovered = onRecovered;
    this.#pause = new Pause(ports.random);
    this.#lag = new PodLag(ports.random);
  }

  /** What the last server refused counts no more. */
  accessChanged(): void {
    this.#pause.end();
    this.#unresolvedSinceMs = null;
  }

  /** The server takes Events again, so it may be asked for pods at once. */
  serverWorks(): void {
    this.#pause.lift();
  }

  /** Puts the incidents whose pod is known into series. @returns when to look again */
  assign(outbox: Outbox): number {
    const named = this.#store.read(outbox.unassigned("named", BATCH));
    if (named === null || named.length === 0) return NEVER;
    const decisions = named.map((incident) => decide(incident, podOf(incident)));
    this.#store.wrote(outbox.settle(decisions, this.#ports.wallNow()));
    return named.length === BATCH ? this.#ports.clock.nowMs() : NEVER;
  }

  /** Begins to ask for the pods of the others. @returns when to look again */
  resolve(outbox: Outbox): number {
    const nowMs = this.#ports.clock.nowMs();
    if (this.#resolving) return NEVER;
    if (nowMs < this.#pause.untilMs) return this.#pause.untilMs;
    const unnamed = this.#store.read(outbox.unassigned("unnamed", BATCH)) ?? [];
    const groups = Map.groupBy(unnamed, ({ containerId, podUid }) => JSON.stringify([containerId, podUid]));
    this.#lag.keepOnly(groups);
    const keys = Array.from(groups.keys());
    const due = keys.filter((key) => this.#lag.untilMs(key) <= nowMs);
    if (due.length === 0) return Math.min(NEVER, ...keys.map((key) => this.#lag.untilMs(key)));
    this.#resolving = true;
    const waiting = due.map((key): Unnamed => ({ key, incidents: groups.get(key) ?? [] }));
    this.#tasks.start(() => this.#resolveAll(outbox, waiting).finally(() => (this.#resolving = false)));
    return NEVER;
  }

  /** One question as long as there is no answer; then the others together, since one list answers them all. */
  async #resolveAll(outbox: Outbox, [first, ...others]: readonly Unnamed[]): Promise<void> {
    if (first === undefined) return;
    const found = await this.#find(first);
    this.#settle(outbox, first, found);
    const rest = others.map(async (group) =>
      this.#settle(outbox, group, found === undefined ? undefined : await this.#find(group)),
    );
    await Promise.all(rest);
  }

  /** Decides what becomes of incidents of one container, as far as it can be decided now. */
  #settle(outbox: Outbox, { key, incidents }: Unnamed, found: ResolvedPod | null | undefined): void {
    if (this.#tasks.isStopped || !this.#store.isOpen(outbox)) return;
    const wallNowMs = this.#ports.wallNow();
    const answeredForMs = found === undefined ? null : this.#ports.clock.nowMs() - this.#resolvesSinceMs;
    const decisions: Decision[] = [];
    for (const incident of incidents) {
      const pod = found ?? podOf(incident);
      if (!mayTellMore(incident, pod, { wallNowMs, answeredForMs })) decisions.push(decide(incident, pod));
    }
    if (found !== undefined && decisions.length < incidents.length)
      this.#lag.missed(key, this.#ports.clock.nowMs());
    if (decisions.length > 0) this.#store.wrote(outbox.settle(decisions, wallNowMs));
  }

  /** @returns undefined: it cannot be known now */
  async #find({ incidents }: Unnamed): Promise<ResolvedPod | null | undefined> {
    const { containerId = null, podUid = null } = incidents[0] ?? {};
    const startedMs = this.#ports.clock.nowMs();
    const result = await answerOf(() => this.#ports.pods.find({ containerId, podUid }));
    if (this.#tasks.isStopped) return undefined;
    if (result.ok) {
      this.#resolverWorks();
      return result.value;
    }
    const nowMs = this.#ports.clock.nowMs();
    // Of questions that were asked together only one counts.
    if (nowMs < this.#pause.untilMs) return undefined;
    this.#unresolvedSinceMs ??= nowMs;
    this.#pause.failed(nowMs, SERVER_CAP_MS, result.error.retryAfterMs ?? 0);
    this.#tell.onTrouble(result.error, startedMs);
    return undefined;
  }

  #resolverWorks(): void {
    this.#pause.end();
    const sinceMs = this.#unresolvedSinceMs;
    this.#unresolvedSinceMs = null;
    if (sinceMs === null) return;
    this.#resolvesSinceMs = this.#ports.clock.nowMs();
    this.#onRecovered(this.#ports.clock.nowMs() - sinceMs);
  }
}

function podOf({ namespace, pod, podUid, container }: Incident): EventPod | null {
  return namespace === null || pod === null || podUid === null ? null : { namespace, pod, podUid, container };
}

function decide(incident: Incident, pod: EventPod | null): Decision {
  const { id } = incident;
  if (pod === null) return { id, off: "no pod of this node has this container" };
  const tell = occurrenceOf(incident, pod);
  return tell === null ? { id, off: "noop" } : { id, tell };
}
