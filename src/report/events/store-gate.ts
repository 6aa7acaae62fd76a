import type { Outbox } from "../../record/outbox.ts";
import type { Stored } from "../../record/store-error.ts";
import { Pause } from "./pause.ts";
import type { CourierCallbacks, CourierPorts } from "./ports.ts";
import { SERVER_CAP_MS } from "./server-health.ts";

/** The store as the courier finds it: which one is open, and whether it works. */
export class StoreGate {
  readonly #ports: CourierPorts;
  readonly #tell: CourierCallbacks;
  readonly #pause: Pause;
  #outbox: Outbox | null = null;

  constructor(ports: CourierPorts, callbacks: CourierCallbacks) {
    this.#ports = ports;
    this.#tell = callbacks;
    this.#pause = new Pause(ports.random);
  }

  /** Is it left alone, since it failed? */
  get isPaused(): boolean {
    return this.#ports.clock.nowMs() < this.#pause.untilMs;
  }

  /** When it may be tried again. */
  get pausedUntilMs(): number {
    return this.#pause.untilMs;
  }

  /** Another store is open now. */
  opened(outbox: Outbox): void {
    this.#outbox = outbox;
  }

  /** Is it that of the store which was opened last? Another store has other series under the same numbers. */
  isOpen(outbox: Outbox): boolean {
    return outbox === this.#outbox;
  }

  /** The value; without one the store is left alone for a while. */
  read<T>(stored: Stored<T>): T | null {
    if (stored.ok) return stored.value;
    this.#pause.failed(this.#ports.clock.nowMs(), SERVER_CAP_MS);
    this.#tell.onStoreTrouble(stored.error);
    return null;
  }

  /** Notes whether it was written. A full disk can be read all the time, so only this tells that the store works. */
  wrote(stored: Stored<unknown>): void {
    if (!stored.ok) {
      this.read(stored);
      return;
    }
    const hadFailed = this.#pause.failures > 0;
    this.#pause.end();
    if (hadFailed) this.#tell.onStoreRecovered();
  }
}
