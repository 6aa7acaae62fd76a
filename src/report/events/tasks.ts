import { ApiError } from "../../kubernetes/api-error.ts";
import type { CourierCallbacks, CourierPorts } from "./ports.ts";

const STOP_MS = 200;

/** What runs beside everything else: questions and requests that wait for an answer. */
export class Tasks {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #onDone: () => void;
  readonly #running = new Map<Promise<void>, AbortController>();
  #isStopped = false;

  /** @param onDone after each task */
  constructor(ports: CourierPorts, callbacks: CourierCallbacks, onDone: () => void) {
    this.#ports = ports;
    this.#tell = callbacks;
    this.#onDone = onDone;
  }

  /** What an answer would lead to must not be done any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Begins it now. The signal tells it to end. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    const startedMs = this.#ports.clock.nowMs();
    const abort = new AbortController();
    const running = task(abort.signal)
      .catch((cause) =>
        this.#tell.onTrouble(new ApiError("garbage", `unexpected: ${String(cause)}`, { cause }), startedMs),
      )
      .finally(() => {
        this.#running.delete(running);
        this.#onDone();
      });
    this.#running.set(running, abort);
  }

  /** Tells all of them to end, and waits for that, though not for long. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const abort of this.#running.values()) abort.abort();
    const patience = Promise.withResolvers<void>();
    const cancel = this.#ports.clock.after(STOP_MS, patience.resolve);
    await Promise.race([Promise.all(this.#running.keys()), patience.promise]);
    cancel();
  }
}
