import { ApiError } from "../../kubernetes/api-error.ts";
import type { Incident } from "../../record/incident.ts";
import type { Decision, Outbox, OutboxCounts, QueuedSeries, StoredSeries } from "../../record/outbox.ts";
import type { Stored } from "../../record/store-error.ts";
import { type EventPod, occurrenceOf } from "./event.ts";
import { EventRate } from "./event-rate.ts";
import { Pause } from "./pause.ts";
import type { CourierCallbacks, CourierPorts, PodIds } from "./ports.ts";
import { answerOf, type SendResult, sendSeries } from "./send.ts";
import { SERVER_CAP_MS, ServerHealth } from "./server-health.ts";

/** Incidents taken at a time, so that a thousand of them do not hold up the main thread. */
const BATCH = 100;
const STOP_MS = 200;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * Sends the Events that wait in the outbox, for as long as it takes. Nothing is kept here that matters: what waits is in
 * the store, each step is noted there when it is done, and doing a step again does no harm. So it may be stopped, or
 * die, at any moment. It sleeps without a timer while nothing waits.
 */
export class Courier {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #rate = new EventRate();
  readonly #resolverPause: Pause;
  readonly #storePause: Pause;
  readonly #inFlight = new Map<string, AbortController>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #health: ServerHealth;
  #outbox: Outbox | null = null;
  #resolving = false;
  #unresolvedSinceMs: number | null = null;
  #isQueued = false;
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;

  constructor(ports: CourierPorts, callbacks: CourierCallbacks) {
    this.#ports = ports;
    this.#tell = callbacks;
    this.#health = new ServerHealth(ports.random);
    this.#resolverPause = new Pause(ports.random);
    this.#storePause = new Pause(ports.random);
  }

  /** How much waits; null: no store works. */
  get pending(): OutboxCounts | null {
    const counts = this.#ports.outbox()?.counts();
    return counts?.ok ? counts.value : null;
  }

  /** There may be something to do: an incident was stored, or the store works again. Costs next to nothing if not. */
  wake(): void {
    if (this.#isQueued || this.#isStopped) return;
    this.#isQueued = true;
    queueMicrotask(() => {
      this.#isQueued = false;
      this.#run();
    });
  }

  /** Ends the requests under way and does nothing more. What is pending stays in the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const abort of this.#inFlight.values()) abort.abort();
    const patience = Promise.withResolvers<void>();
    const cancel = this.#ports.after(STOP_MS, patience.resolve);
    await Promise.race([Promise.all(this.#tasks), patience.promise]);
    cancel();
  }

  /** Begins what can be begun now, and sets the timer for what cannot. Never waits. */
  #run(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    const outbox = this.#openOutbox();
    if (outbox === null) return;
    for (const { reason, count } of outbox.takeLost())
      this.#tell.onGivenUp({ events: count, reason, series: null });
    const steps = [this.#assign, this.#resolve, this.#dispatch];
    let wakeMs = NEVER;
    for (const step of steps) {
      // A store that fails at one step would fail at the next.
      if (this.#ports.now() < this.#storePause.untilMs) break;
      wakeMs = Math.min(wakeMs, step.call(this, outbox));
    }
    if (this.#ports.now() < this.#storePause.untilMs) wakeMs = this.#storePause.untilMs;
    if (wakeMs === NEVER) return;
    const delayMs = Math.max(0, Math.ceil(wakeMs - this.#ports.now()));
    this.#cancelTimer = this.#ports.after(delayMs, () => this.#run());
  }

  /** Another store has other series under the same numbers. */
  #openOutbox(): Outbox | null {
    const outbox = this.#ports.outbox();
    if (outbox !== null && outbox !== this.#outbox) {
      this.#outbox = outbox;
      this.#health.keepOnly(new Set());
    }
    return outbox;
  }

  /** Puts the incidents whose pod is known into series. @returns when to look again */
  #assign(outbox: Outbox): number {
    const named = this.#read(outbox.unassigned("named", BATCH));
    if (named === null || named.length === 0) return NEVER;
    const decisions = named.map((incident) => decide(incident, podOf(incident)));
    this.#wrote(outbox.settle(decisions, this.#ports.wallNow()));
    return named.length === BATCH ? this.#ports.now() : NEVER;
  }

  /** Begins to ask for the pods of the others. @returns when to look again */
  #resolve(outbox: Outbox): number {
    if (this.#resolving) return NEVER;
    if (this.#ports.now() < this.#resolverPause.untilMs) return this.#resolverPause.untilMs;
    const unnamed = this.#read(outbox.unassigned("unnamed", BATCH));
    if (unnamed === null || unnamed.length === 0) return NEVER;
    this.#resolving = true;
    this.#start(() => this.#resolveAll(outbox, unnamed).finally(() => (this.#resolving = false)));
    return NEVER;
  }

  /** Asks for all at once, so that they share a list of the pods: there is one in 10 s. */
  async #resolveAll(outbox: Outbox, incidents: readonly Incident[]): Promise<void> {
    const startedMs = this.#ports.now();
    const groups = Map.groupBy(incidents, ({ containerId, podUid }) => JSON.stringify([containerId, podUid]));
    const decisions: Decision[] = [];
    let failure: ApiError | null = null;
    const ask = async (group: readonly Incident[]) => {
      const { containerId, podUid } = group[0] as PodIds;
      const result = await answerOf(() => this.#ports.pods.find({ containerId, podUid }));
      if (result.ok) decisions.push(...group.map((incident) => decide(incident, result.value)));
      else failure ??= result.error;
    };
    await Promise.all(Array.from(groups.values(), ask));
    if (this.#isStopped) return;
    if (failure === null) this.#resolverWorks();
    else this.#resolverFailed(failure, startedMs);
    const settled = outbox.settle(decisions, this.#ports.wallNow());
    if (outbox === this.#outbox) this.#wrote(settled);
  }

  #resolverFailed(error: ApiError, startedMs: number): void {
    const nowMs = this.#ports.now();
    this.#unresolvedSinceMs ??= nowMs;
    this.#resolverPause.failed(nowMs, SERVER_CAP_MS, error.retryAfterMs ?? 0);
    this.#tell.onTrouble(error, startedMs);
  }

  #resolverWorks(): void {
    this.#resolverPause.end();
    const sinceMs = this.#unresolvedSinceMs;
    this.#unresolvedSinceMs = null;
    // It may know a pod by heart while the server is away.
    if (sinceMs !== null && !this.#health.isTroubled) this.#tellRecovered(this.#ports.now() - sinceMs);
  }

  /** Begins to send what may be sent now: of each pod the series that waits longest. @returns when to look again */
  #dispatch(outbox: Outbox): number {
    const nowMs = this.#ports.now();
    const waiting = this.#read(outbox.pending()) ?? [];
    this.#health.keepOnly(new Set(waiting.map(({ id }) => id)));
    this.#rate.prune(nowMs);
    if (waiting.length === 0) return NEVER;
    if (nowMs < this.#health.pausedUntilMs) return this.#health.pausedUntilMs;
    let wakeMs = NEVER;
    for (const head of this.#heads(waiting)) {
      // Whatever ends makes room, and looks again.
      if (this.#inFlight.size >= this.#health.slots) break;
      const readyMs = Math.max(this.#health.retryAtMs(head.id), this.#rate.readyAtMs(podKey(head)));
      if (readyMs > nowMs) wakeMs = Math.min(wakeMs, readyMs);
      else this.#begin(outbox, head, nowMs);
    }
    return wakeMs;
  }

  #heads(waiting: readonly QueuedSeries[]): QueuedSeries[] {
    const heads = new Map<string, QueuedSeries>();
    for (const series of waiting) {
      const pod = podKey(series);
      if (!heads.has(pod) && !this.#inFlight.has(pod)) heads.set(pod, series);
    }
    const all = Array.from(heads.values());
    // A probe with what fails anyhow would keep a server that works from being found.
    if (this.#health.slots > 1) return all;
    return all.sort((a, b) => this.#health.failuresOf(a.id) - this.#health.failuresOf(b.id));
  }

  #begin(outbox: Outbox, head: QueuedSeries, startedMs: number): void {
    const series = this.#read(outbox.series(head.id));
    if (series === null) return;
    const pod = podKey(head);
    const abort = new AbortController();
    this.#inFlight.set(pod, abort);
    this.#rate.take(pod, startedMs);
    this.#start(async () => {
      const result = await sendSeries(series, this.#ports.nodeName(), this.#ports.events, abort.signal);
      this.#inFlight.delete(pod);
      if (result.type === "failed") this.#rate.giveBack(pod);
      this.#note(outbox, series, result, startedMs);
    });
  }

  #note(outbox: Outbox, series: StoredSeries, result: SendResult, startedMs: number): void {
    const { id, count } = series;
    if (this.#isStopped) {
      if (result.type === "delivered") outbox.delivered(id, count);
      return;
    }
    const isOpen = outbox === this.#outbox;
    if (result.type === "failed") {
      const { error } = result;
      if (isOpen) this.#health.failed(id, error, startedMs, this.#ports.now());
      if (isOpen && error.kind !== "unconfigured") this.#wrote(outbox.attempted(id, count));
      this.#tell.onTrouble(error, startedMs);
      return;
    }
    const outageMs = this.#health.answered(id, this.#ports.now());
    if (result.type === "delivered") {
      if (isOpen) this.#wrote(outbox.delivered(id, count));
      this.#tell.onDelivered(series);
    } else {
      if (isOpen) this.#wrote(outbox.close(id, result.reason));
      this.#tell.onGivenUp({ events: 1, reason: result.reason, series });
    }
    if (outageMs === null) return;
    this.#resolverPause.lift();
    this.#tellRecovered(outageMs);
  }

  #tellRecovered(outageMs: number): void {
    this.#tell.onRecovered(this.pending?.incidents ?? 0, outageMs);
  }

  /** Runs it beside everything else, and looks again when it is done. */
  #start(task: () => Promise<void>): void {
    const startedMs = this.#ports.now();
    const running = task()
      .catch((cause) =>
        this.#tell.onTrouble(new ApiError("garbage", `unexpected: ${String(cause)}`, { cause }), startedMs),
      )
      .finally(() => {
        this.#tasks.delete(running);
        this.wake();
      });
    this.#tasks.add(running);
  }

  /** The value; without one the store is left alone for a while. */
  #read<T>(stored: Stored<T>): T | null {
    if (stored.ok) return stored.value;
    this.#storePause.failed(this.#ports.now(), SERVER_CAP_MS);
    this.#tell.onStoreTrouble(stored.error);
    return null;
  }

  /** Was it written? A full disk can be read all the time, so only this tells that the store works. */
  #wrote(stored: Stored<unknown>): boolean {
    if (stored.ok) this.#storePause.end();
    else this.#read(stored);
    return stored.ok;
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

function podKey({ namespace, pod, podUid }: QueuedSeries): string {
  return `${podUid} ${namespace}/${pod}`;
}
