import type { Outbox, OutboxCounts } from "../../record/outbox.ts";
import { Assigner } from "./assigner.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { CourierCallbacks, CourierPorts } from "./ports.ts";
import { NEVER } from "./step.ts";
import { StoreGate } from "./store-gate.ts";
import { Tasks } from "./tasks.ts";

/**
 * Sends the Events that wait in the outbox, for as long as it takes. Nothing is kept here that matters: what waits is in
 * the store, each step is noted there when it is done, and doing a step again does no harm. So it may be stopped, or
 * die, at any moment. It sleeps without a timer while nothing waits.
 */
export class Courier {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #store: StoreGate;
  readonly #tasks: Tasks;
  readonly #assigner: Assigner;
  readonly #dispatcher: Dispatcher;
  #isQueued = false;
  #cancelTimer: () => void = () => undefined;

  constructor(ports: CourierPorts, callbacks: CourierCallbacks) {
    this.#ports = ports;
    this.#tell = callbacks;
    this.#store = new StoreGate(ports, callbacks);
    this.#tasks = new Tasks(ports, callbacks, () => this.wake());
    const tools = { ports, tell: callbacks, store: this.#store, tasks: this.#tasks };
    this.#assigner = new Assigner(tools, (outageMs) => {
      // It may know a pod by heart while the server is away.
      if (!this.#dispatcher.isTroubled) this.#tellRecovered(outageMs);
    });
    this.#dispatcher = new Dispatcher(tools, (outageMs) => {
      this.#assigner.serverWorks();
      this.#tellRecovered(outageMs);
    });
  }

  /** How much waits; null: no store works. */
  get pending(): OutboxCounts | null {
    const counts = this.#ports.outbox()?.counts();
    return counts?.ok ? counts.value : null;
  }

  /** There may be something to do: an incident was stored, or the store works again. Costs next to nothing if not. */
  wake(): void {
    if (this.#isQueued || this.#tasks.isStopped) return;
    this.#isQueued = true;
    queueMicrotask(() => {
      this.#isQueued = false;
      this.#run();
    });
  }

  /** Another API server, or another way to it: what the last one refused counts no more. */
  accessChanged(): void {
    this.#dispatcher.accessChanged();
    this.#assigner.accessChanged();
    this.wake();
  }

  /** Ends the requests under way and does nothing more. What is pending stays in the store. */
  async stop(): Promise<void> {
    this.#cancelTimer();
    await this.#tasks.stop();
  }

  /** Begins what can be begun now, and sets the timer for what cannot. Never waits. */
  #run(): void {
    this.#cancelTimer();
    if (this.#tasks.isStopped) return;
    const outbox = this.#openOutbox();
    if (outbox === null) return;
    for (const { reason, count } of outbox.takeLost())
      this.#tell.onGivenUp({ events: count, reason, series: null });
    const steps = [
      () => this.#assigner.assign(outbox),
      () => this.#assigner.resolve(outbox),
      () => this.#dispatcher.dispatch(outbox),
    ];
    let wakeMs = NEVER;
    for (const step of steps) {
      // A store that fails at one step would fail at the next.
      if (this.#store.isPaused) break;
      wakeMs = Math.min(wakeMs, step());
    }
    if (this.#store.isPaused) wakeMs = this.#store.pausedUntilMs;
    if (wakeMs === NEVER) return;
    const delayMs = Math.max(0, Math.ceil(wakeMs - this.#ports.clock.nowMs()));
    this.#cancelTimer = this.#ports.clock.after(delayMs, () => this.#run());
  }

  #openOutbox(): Outbox | null {
    const outbox = this.#ports.outbox();
    if (outbox !== null && !this.#store.isOpen(outbox)) {
      this.#store.opened(outbox);
      this.#dispatcher.storeChanged();
    }
    return outbox;
  }

  #tellRecovered(outageMs: number): void {
    this.#tell.onRecovered(this.pending?.incidents ?? 0, outageMs);
  }
}
