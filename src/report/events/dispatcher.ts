import type { Outbox, QueuedSeries, StoredSeries } from "../../record/outbox.ts";
import { EventRate } from "./event-rate.ts";
import type { CourierCallbacks, CourierPorts } from "./ports.ts";
import { type SendResult, sendSeries } from "./send.ts";
import { ServerHealth } from "./server-health.ts";
import { NEVER, type StepTools } from "./step.ts";
import type { StoreGate } from "./store-gate.ts";
import type { Tasks } from "./tasks.ts";

/** Sends the series that wait: decides which of them is next, and what follows from its answer. */
export class Dispatcher {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #store: StoreGate;
  readonly #tasks: Tasks;
  readonly #onRecovered: (outageMs: number) => void;
  readonly #rate = new EventRate();
  /** Pods of which a series is being sent. */
  readonly #inFlight = new Set<string>();
  #health: ServerHealth;

  /** @param onRecovered the server answers again */
  constructor({ ports, tell, store, tasks }: StepTools, onRecovered: (outageMs: number) => void) {
    this.#ports = ports;
    this.#tell = tell;
    this.#store = store;
    this.#tasks = tasks;
    this.#onRecovered = onRecovered;
    this.#health = new ServerHealth(ports.random);
  }

  /** Did the last answer to an Event speak against the server? */
  get isTroubled(): boolean {
    return this.#health.isTroubled;
  }

  /** What the last server refused counts no more. */
  accessChanged(): void {
    this.#health = new ServerHealth(this.#ports.random);
  }

  /** Another store has other series under the same numbers. */
  storeChanged(): void {
    this.#health.keepOnly(new Set());
  }

  /** Begins to send what may be sent now: of each pod the series that waits longest. @returns when to look again */
  dispatch(outbox: Outbox): number {
    const nowMs = this.#ports.clock.nowMs();
    const waiting = this.#store.read(outbox.pending()) ?? [];
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
    const series = this.#store.read(outbox.series(head.id));
    if (series === null) return;
    const pod = podKey(head);
    this.#inFlight.add(pod);
    this.#rate.take(pod, startedMs);
    this.#tasks.start(async (signal) => {
      const result = await sendSeries(series, this.#ports.nodeName(), this.#ports.events, signal);
      this.#inFlight.delete(pod);
      if (result.type === "failed") this.#rate.giveBack(pod);
      this.#note(outbox, series, result, startedMs);
    });
  }

  #note(outbox: Outbox, series: StoredSeries, result: SendResult, startedMs: number): void {
    const { id, count } = series;
    if (this.#tasks.isStopped) {
      if (result.type === "delivered") outbox.delivered(id, count);
      return;
    }
    const isOpen = this.#store.isOpen(outbox);
    if (result.type === "failed") {
      const { error } = result;
      if (isOpen) this.#health.failed(id, error, startedMs, this.#ports.clock.nowMs());
      if (isOpen && error.kind !== "unconfigured") this.#store.wrote(outbox.attempted(id, count));
      this.#tell.onTrouble(error, startedMs);
      return;
    }
    const outageMs = this.#health.answered(id, this.#ports.clock.nowMs());
    if (result.type === "delivered") {
      if (isOpen) this.#store.wrote(outbox.delivered(id, count));
      this.#tell.onDelivered(series);
    } else {
      if (isOpen) this.#store.wrote(outbox.close(id, result.reason));
      this.#tell.onGivenUp({ events: 1, reason: result.reason, series });
    }
    if (outageMs !== null) this.#onRecovered(outageMs);
  }
}

function podKey({ namespace, pod, podUid }: QueuedSeries): string {
  return `${podUid} ${namespace}/${pod}`;
}
