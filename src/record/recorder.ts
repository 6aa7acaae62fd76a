import type { BlackBox, Recovered } from "./black-box.ts";
import type { Incident } from "./incident.ts";
import type { Counter } from "./incident-counts.ts";
import type { IncidentQueue } from "./incident-queue.ts";
import { parseIncident } from "./incident-row.ts";
import { type EventMode, initialEvent } from "./initial-event.ts";
import type { Outbox } from "./outbox.ts";
import type { Stored, StoreError } from "./store-error.ts";

/** An incident that an earlier process has left, and where it still is. */
export interface Left {
  readonly incident: Incident;
  readonly slot: number;
}

/** Makes incidents durable before they are reported, and finds those an earlier process could not. */
export class Recorder {
  readonly #queue: IncidentQueue;
  readonly #blackBox: BlackBox | null;
  readonly #onFailing: (error: StoreError) => void;
  readonly #onWorking: () => void;
  readonly #eventMode: () => EventMode;
  readonly #kept = new Set<number>();

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

  /** Stores an incident. @param slots where the sentinel left it in the black box, cleared once it is stored */
  record(incident: Incident, slots: readonly number[], nowMs: number): void {
    for (const slot of slots) this.#kept.add(slot);
    this.#settle(this.#queue.record(this.#withEvent(incident), nowMs));
  }

  /** Clears a place in the black box whose incident is recorded already, when everything recorded until now is stored. */
  release(blackBoxSlot: number): void {
    this.#kept.add(blackBoxSlot);
    if (this.waiting === 0) this.#clearKept();
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
   * @returns those incidents, oldest first; one may be in the store already, if the process died before it cleared the slot.
   * The kernel's own kills are not stored yet: its log tells more about them, perhaps the same kill once more.
   */
  recover(happened: (incident: Incident) => boolean, nowMs: number): { stored: Incident[]; counted: Left[] } {
    const left = (this.#blackBox?.recover() ?? []).flatMap((recovered) => this.#read(recovered, happened));
    left.sort((a, b) => (a.incident.id < b.incident.id ? -1 : 1));
    const counted = left.filter(({ incident }) => incident.kind === "kernel-oom");
    const incidents = left.filter((it) => !counted.includes(it)).map(({ incident }) => incident);
    let stored = true;
    for (const incident of incidents) {
      const result = this.#queue.record(this.#withEvent(incident), nowMs);
      this.#settle(result);
      stored &&= result.ok;
    }
    // Where the store does not work they stay: the ring has room for the next 128 too.
    if (stored) this.#blackBox?.clearAllBut(new Set(counted.map(({ slot }) => slot)));
    return { stored: incidents, counted };
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

  #read({ slot, state, incident }: Recovered, happened: (incident: Incident) => boolean): Left[] {
    const parsed = parseIncident(incident);
    if (parsed === null || (state === "intent" && !happened(parsed))) return [];
    return [{ incident: parsed, slot }];
  }

  #settle(result: Stored<void>): void {
    if (!result.ok) {
      this.#onFailing(result.error);
      return;
    }
    this.#onWorking();
    this.#clearKept();
  }

  #clearKept(): void {
    for (const slot of this.#kept) this.#blackBox?.clear(slot);
    this.#kept.clear();
  }
}
