import type { Incident } from "./incident.ts";
import { type Counter, countsOf, sumCounters } from "./incident-counts.ts";
import type { IncidentStore } from "./store.ts";
import type { Stored, StoreError } from "./store-error.ts";

/** What waits to be written about one incident. */
interface Waiting {
  incident: Incident | null;
  deadMillis: number | null;
}

const DEFAULT_CAPACITY = 1000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Stands before the store: what cannot be written now waits in memory, in order and bounded, and is written when
 * `retry` finds the store working again. So a full disk costs the record for a while, and the kill never waits for it.
 */
export class IncidentQueue {
  readonly #open: () => Stored<IncidentStore>;
  readonly #capacity: number;
  readonly #waiting = new Map<string, Waiting>();
  #store: IncidentStore | null = null;
  #error: StoreError | null = null;
  /** The store's counters as they were last read. */
  #stored: readonly Counter[] = [];
  /** What was dropped is counted on, as long as this process lives. */
  #neverStored: readonly Counter[] = [];
  #dropped = 0;
  #pauseMs = 0;
  #nextTryMs = Number.NEGATIVE_INFINITY;

  /** @param open makes the store, and makes it anew after it broke. Nothing is opened before the first write or `retry`. */
  constructor(open: () => Stored<IncidentStore>, capacity = DEFAULT_CAPACITY) {
    this.#open = open;
    this.#capacity = capacity;
  }

  /** Incidents and updates that are only in memory. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Incidents lost for good: the memory was full, or the store refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The store that is open now, to read from. */
  get store(): IncidentStore | null {
    return this.#store;
  }

  /** Whether the last attempt to write went well, as far as there was one. */
  get isWorking(): boolean {
    return this.#error === null;
  }

  /** What the incidents add up to, those that wait included; of a store that cannot be read, as it was last seen. */
  counters(): readonly Counter[] {
    this.#readCounters();
    const waiting = Array.from(this.#waiting.values(), ({ incident }) => incident).flatMap((incident) =>
      incident === null ? [] : countsOf(incident),
    );
    return sumCounters(this.#stored, [...this.#neverStored, ...waiting]);
  }

  /** Writes the incident, or keeps it for later. @returns whether it is durable; if not, why. */
  record(incident: Incident, nowMs: number): Stored<void> {
    return this.#add(incident.id, { incident }, nowMs);
  }

  /** Notes when the last victim died; waits with its incident if that waits. */
  setDead(id: string, deadMillis: number, nowMs: number): Stored<void> {
    return this.#add(id, { deadMillis }, nowMs);
  }

  /**
   * Opens the store if it is not open, and writes what waits, oldest first. After a failure it pauses (1 s, doubled
   * up to 30 s) and answers with the last error meanwhile.
   */
  retry(nowMs: number): Stored<void> {
    if (this.#error !== null && nowMs < this.#nextTryMs) return { ok: false, error: this.#error };
    const { failure, refused } = this.#drain();
    this.#error = failure;
    this.#pauseMs = failure === null ? 0 : Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2 || FIRST_PAUSE_MS);
    this.#nextTryMs = nowMs + this.#pauseMs;
    const error = failure ?? refused;
    return error === null ? { ok: true, value: undefined } : { ok: false, error };
  }

  /** Tries once more, whatever the pause, and closes the store. @returns how much is lost with this process. */
  close(): number {
    this.#drain();
    this.#store?.close();
    this.#store = null;
    return this.#waiting.size;
  }

  #add(id: string, news: Partial<Waiting>, nowMs: number): Stored<void> {
    const known = this.#waiting.get(id) ?? { incident: null, deadMillis: null };
    // The first record of an incident counts, as in the store.
    this.#waiting.set(id, { ...known, ...news, incident: known.incident ?? news.incident ?? null });
    const result = this.retry(nowMs);
    while (this.#waiting.size > this.#capacity) this.#dropOldest();
    return result;
  }

  /** `failure`: the store does not work, the rest waits. `refused`: it works, but would not take something. */
  #drain(): { failure: StoreError | null; refused: StoreError | null } {
    let refused: StoreError | null = null;
    if (this.#store === null) {
      const opened = this.#open();
      if (!opened.ok) return { failure: opened.error, refused };
      this.#store = opened.value;
      // The one before may have been moved aside, or removed.
      if (this.#stored.length > 0) this.#store.counters?.restore(this.#stored);
    }
    for (const [id, waiting] of this.#waiting) {
      const error = write(this.#store, id, waiting);
      if (error !== null && error.reason !== "invalid") {
        this.#letGo(error);
        return { failure: error, refused };
      }
      this.#waiting.delete(id);
      if (error === null) continue;
      // What the store refuses it would refuse for ever, and everything behind it would wait.
      refused = error;
      this.#drop(waiting.incident);
    }
    return { failure: null, refused };
  }

  /** A full disk or a lock pass; after anything else only a new start helps (a corrupt file is moved aside there). */
  #letGo({ reason }: StoreError): void {
    if (reason === "disk full" || reason === "locked") return;
    this.#readCounters();
    this.#store?.close();
    this.#store = null;
  }

  #dropOldest(): void {
    for (const [id, { incident }] of this.#waiting) {
      this.#waiting.delete(id);
      this.#drop(incident);
      return;
    }
  }

  /** @param incident null: only an update of one is lost */
  #drop(incident: Incident | null): void {
    if (incident === null) return;
    this.#dropped++;
    this.#neverStored = sumCounters(this.#neverStored, countsOf(incident));
  }

  #readCounters(): void {
    const read = this.#store?.counters?.all();
    if (read?.ok) this.#stored = read.value;
  }
}

function write(store: IncidentStore, id: string, { incident, deadMillis }: Waiting): StoreError | null {
  const results = [
    () => (incident === null ? null : store.insert(incident)),
    () => (deadMillis === null ? null : store.setDead(id, deadMillis)),
  ];
  for (const run of results) {
    const result = run();
    if (result !== null && !result.ok) return result.error;
  }
  return null;
}
