import type { BlackBox, Recovered } from "./black-box.ts";
import type { Incident } from "./incident.ts";
import type { Counter } from "./incident-counts.ts";
import type { IncidentQueue } from "./incident-queue.ts";
import { parseIncident } from "./incident-row.ts";
import { type EventMode, initialEvent } from "./initial-event.ts";
import type { Outbox } from "./outbox.ts";
import type { Stored, StoreError } from "./store-error.ts";

/** Makes incidents durable before they are reported, and finds those an earlier process could not. */
export class Recorder {
  readonly #queue: IncidentQueue;
  readonly #blackBox: BlackBox | null;
  readonly #onFailing: (error: StoreError) => void;
  readonly #onWorking: () => void;
  readonly #eventMode: () => EventMode;
  readonly #kept = new Map<string, number>();

  /**
   * @param onFailing called at each failed write
   * @param onWorking called at each one that went through
   * @param eventMode whether an incident that is recorded now gets an Event
   */
  constructor(
    queue: IncidentQueue,
    blackBox: BlackBox | null,
    onFailing: (error: StoreError) => void,
    onWorking: () => void,
    eventMode: () => EventMode = () => "off",
  ) {
    this.#queue = queue;
    this.#blackBox = blackBox;
    this.#onFailing = onFailing;
    this.#onWorking = onWorking;
    this.#eventMode = eventMode;
  }

  /** Stores an incident. @param blackBoxSlot where the sentinel left it, cleared once it is stored; null: nowhere */
  record(incident: Incident, blackBoxSlot: number | null, nowMs: number): void {
    if (blackBoxSlot !== null) this.#kept.set(incident.id, blackBoxSlot);
    this.#settle(this.#queue.record(this.#withEvent(incident), nowMs));
  }

  /** Notes when the last victim was dead. */
  setDead(id: string, deadMillis: number, nowMs: number): void {
    this.#settle(this.#queue.setDead(id, deadMillis, nowMs));
  }

  /**
   * The Events that wait, in the store that is open now; null while none works. Another store may be open the next time,
   * so nobody keeps it. Opens the store where that was not needed yet: an earlier process may have left some.
   */
  outbox(nowMs: number): Outbox | null {
    if (this.#queue.store === null) this.#settle(this.#queue.retry(nowMs));
    return this.#queue.store?.outbox ?? null;
  }

  /** What the incidents of this node add up to, over all processes that recorded them here. */
  counters(): readonly Counter[] {
    return this.#queue.counters();
  }

  /** Counts these no more, if the store works. */
  forgetCounters(counters: readonly Counter[]): void {
    this.#queue.store?.counters?.forget(counters);
  }

  /** Whether incidents can be stored, as far as the last attempt tells. */
  get isStoring(): boolean {
    return this.#queue.isWorking;
  }

  /** Incidents and updates that are only in memory. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Writes what waits, if the store works again. */
  retry(nowMs: number): void {
    this.#settle(this.#queue.retry(nowMs));
  }

  /**
   * Stores what the last process left in the black box.
   * @param happened whether an intent was carried out: its process may have been killed just before the SIGKILL
   * @returns those incidents, oldest first; one may be in the store already, if the process died before it cleared the slot
   */
  recover(happened: (incident: Incident) => boolean, nowMs: number): Incident[] {
    const incidents = (this.#blackBox?.recover() ?? []).flatMap((recovered) =>
      this.#read(recovered, happened),
    );
    incidents.sort((a, b) => (a.id < b.id ? -1 : 1));
    let stored = true;
    for (const incident of incidents) {
      const result = this.#queue.record(this.#withEvent(incident), nowMs);
      this.#settle(result);
      stored &&= result.ok;
    }
    // Where the store does not work they stay: the ring has room for the next 128 too.
    if (stored) this.#blackBox?.clearAll();
    return incidents;
  }

  /**
   * Tries the store a last time.
   * @param complete everything that happened has been handed to `record`, so the black box is needed no more
   * @returns how many incidents only the black box has
   */
  close(complete: boolean): number {
    const lost = this.#queue.close();
    // Each state directory has its own box, which would stay until the next boot.
    if (complete && lost === 0) this.#blackBox?.remove();
    else this.#blackBox?.close();
    return lost;
  }

  /** Only here is it known whether there are Events: the sentinel, and the black box, say "off". */
  #withEvent(incident: Incident): Incident {
    return { ...incident, event: initialEvent(incident, this.#eventMode()) };
  }

  #read({ state, incident }: Recovered, happened: (incident: Incident) => boolean): Incident[] {
    const parsed = parseIncident(incident);
    if (parsed === null || (state === "intent" && !happened(parsed))) return [];
    return [parsed];
  }

  #settle(result: Stored<void>): void {
    if (!result.ok) {
      this.#onFailing(result.error);
      return;
    }
    this.#onWorking();
    for (const slot of this.#kept.values()) this.#blackBox?.clear(slot);
    this.#kept.clear();
  }
}
