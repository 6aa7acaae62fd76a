import type { Database } from "bun:sqlite";
import { type EventSeries, FOLD_WINDOW_MS, fold, folds, type Occurrence } from "./event-series.ts";
import type { Incident } from "./incident.ts";
import { INCIDENT_COLUMNS, incidentOfRow } from "./incident-row.ts";
import { closeSeries, type LossReason, UNASSIGNED } from "./outbox-bound.ts";
import { attempt, type Stored } from "./store-error.ts";

/** What becomes of an incident that waited for its pod: an Event tells of it, or none does. */
export type Decision =
  | { readonly id: string; readonly tell: Occurrence }
  | { readonly id: string; readonly off: string };

/** A series in the queue, as much of it as the order is decided by. */
export interface QueuedSeries {
  readonly id: number;
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
}

/** A series with how much of it the API server has confirmed; 0: it is not known to have the Event. */
export interface StoredSeries extends EventSeries {
  readonly id: number;
  readonly confirmed: number;
}

/** What waits. */
export interface OutboxCounts {
  /** Incidents whose Event is pending. */
  readonly incidents: number;
  /** Those of them whose pod is not known yet. */
  readonly unassigned: number;
  /** Events to create or to update. */
  readonly series: number;
}

/** Events that will never be sent, though they should have been. */
export interface Loss {
  readonly reason: LossReason;
  readonly count: number;
}

/** Whose it is, down to the container if it was in one. */
const NAMED = `namespace IS NOT NULL AND pod IS NOT NULL AND pod_uid IS NOT NULL
  AND (container IS NOT NULL OR container_id IS NULL)`;
const SERIES = `id, namespace, pod, pod_uid AS podUid, container, reason, name, message, count, confirmed,
  first_ms AS firstMs, last_ms AS lastMs`;

/**
 * The Events that have to be sent, in the database of the incidents: what is in here survives the death of the process
 * and of the node. Every method answers with a value or an error, and writes in one transaction or not at all.
 */
export class Outbox {
  readonly #db: Database;
  readonly #path: string;
  readonly #lost = new Map<LossReason, number>();

  /** @param db open to write, with the schema of this version @param path for errors */
  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Incidents that are in no series yet, oldest first. @param known those whose namespace, pod, uid and container are known, or the others */
  unassigned(known: "named" | "unnamed", limit: number): Stored<Incident[]> {
    const select = `SELECT seq, ${INCIDENT_COLUMNS.join(", ")} FROM incidents
      WHERE ${UNASSIGNED} AND ${known === "named" ? NAMED : `NOT (${NAMED})`} ORDER BY seq LIMIT ?`;
    return attempt(this.#path, () => {
      const rows = this.#db.query<{ seq: number }, [number]>(select).all(limit);
      return rows.flatMap((row) => incidentOfRow(row) ?? this.#closeUnreadable(row.seq));
    });
  }

  /**
   * Puts incidents into their series, or says why no Event tells of them; whatever is no longer unassigned is left as it
   * is. Forgets series that are told and too old to grow.
   * @param nowMs milliseconds since the epoch
   */
  settle(decisions: readonly Decision[], nowMs: number): Stored<void> {
    return this.#write(() => {
      for (const decision of decisions) {
        const seq = this.#seqOfUnassigned(decision.id);
        if (seq === null) continue;
        if ("tell" in decision) this.#assign(seq, decision.tell);
        else this.#off(seq, decision.off);
      }
      this.#db
        .query("DELETE FROM event_series WHERE confirmed >= count AND abs(last_ms - ?) > ?")
        .run(Math.round(nowMs), FOLD_WINDOW_MS);
    });
  }

  /** The series the server has not confirmed whole, in the order in which they began to wait. */
  pending(): Stored<QueuedSeries[]> {
    const select = `SELECT id, namespace, pod, pod_uid AS podUid FROM event_series
      WHERE confirmed < count ORDER BY queued_seq`;
    return attempt(this.#path, () => this.#db.query<QueuedSeries, []>(select).all());
  }

  /** A series as it is now; null: it is no longer there. */
  series(id: number): Stored<StoredSeries | null> {
    const select = `SELECT ${SERIES} FROM event_series WHERE id = ?`;
    return attempt(this.#path, () => this.#db.query<StoredSeries, [number]>(select).get(id));
  }

  /** The server was asked to take the first `count` incidents of a series, and did not say that it has. */
  attempted(id: number, count: number): Stored<void> {
    const update = `UPDATE incidents SET event_attempts = event_attempts + 1
      WHERE event_state = 'pending' AND event_series = ? AND event_number <= ?`;
    return this.#write(() => {
      this.#db.query(update).run(id, count);
    });
  }

  /** The server has the first `count` incidents of a series: their Event is sent. What came since goes on waiting. */
  delivered(id: number, count: number): Stored<void> {
    const update = `UPDATE incidents SET event_state = 'sent', event_attempts = event_attempts + 1
      WHERE event_state = 'pending' AND event_series = ? AND event_number <= ?`;
    const next = `(SELECT min(seq) FROM incidents WHERE event_state = 'pending' AND event_series = ?1)`;
    return this.#write(() => {
      this.#db.query(update).run(id, count);
      this.#db
        .query(`UPDATE event_series SET confirmed = max(confirmed, ?2),
          queued_seq = coalesce(${next}, queued_seq) WHERE id = ?1`)
        .run(id, count);
    });
  }

  /** Gives a series up: what it has not told yet stays untold. What happens again begins a new one. @returns how many incidents */
  close(id: number, reason: string): Stored<number> {
    return this.#write(() => closeSeries(this.#db, id, reason, 1));
  }

  /** How much waits. */
  counts(): Stored<OutboxCounts> {
    const select = `SELECT (SELECT count(*) FROM incidents WHERE event_state = 'pending') AS incidents,
      (SELECT count(*) FROM incidents WHERE ${UNASSIGNED}) AS unassigned,
      (SELECT count(*) FROM event_series WHERE confirmed < count) AS series`;
    return attempt(
      this.#path,
      () => this.#db.query<OutboxCounts, []>(select).get() ?? { incidents: 0, unassigned: 0, series: 0 },
    );
  }

  /** When the oldest incident happened whose Event is pending, in milliseconds since the epoch; null: none is. */
  oldestMs(): Stored<number | null> {
    const select = "SELECT min(time_ms) AS oldest FROM incidents WHERE event_state = 'pending'";
    return attempt(
      this.#path,
      () => this.#db.query<{ oldest: number | null }, []>(select).get()?.oldest ?? null,
    );
  }

  /** Notes Events that were given up to keep the bounds. */
  noteLost(reason: LossReason, count: number): void {
    if (count > 0) this.#lost.set(reason, (this.#lost.get(reason) ?? 0) + count);
  }

  /** The Events given up to keep the bounds since the last call, for the log. */
  takeLost(): Loss[] {
    const lost = Array.from(this.#lost, ([reason, count]) => ({ reason, count }));
    this.#lost.clear();
    return lost;
  }

  #assign(seq: number, occurrence: Occurrence): void {
    const before = this.#openSeries(occurrence);
    const after = fold(before, occurrence);
    const id = before === null ? this.#insert(after, seq) : this.#grow(before, after, seq);
    const { namespace, pod, podUid, container } = occurrence;
    this.#db
      .query(`UPDATE incidents SET event_series = ?, event_number = ?, event_name = ?,
        namespace = coalesce(namespace, ?), pod = coalesce(pod, ?), pod_uid = coalesce(pod_uid, ?),
        container = coalesce(container, ?) WHERE seq = ?`)
      .run(id, after.count, after.name, namespace, pod, podUid, container, seq);
  }

  /** The series an incident folds into. */
  #openSeries({ namespace, pod, podUid, container, reason, timeMs }: Occurrence): StoredSeries | null {
    const select = `SELECT ${SERIES} FROM event_series WHERE pod_uid = ? AND namespace = ? AND pod = ?
      AND container IS ? AND reason = ? ORDER BY id DESC`;
    const known = this.#db
      .query<StoredSeries, (string | null)[]>(select)
      .all(podUid, namespace, pod, container, reason);
    return known.find((series) => folds(series, timeMs)) ?? null;
  }

  #insert(series: EventSeries, seq: number): number {
    const { namespace, pod, podUid, container, reason, name, message, count, firstMs, lastMs } = series;
    const insert = `INSERT INTO event_series (namespace, pod, pod_uid, container, reason, name, message, count,
      confirmed, first_ms, last_ms, queued_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`;
    const { lastInsertRowid } = this.#db
      .query(insert)
      .run(namespace, pod, podUid, container, reason, name, message, count, firstMs, lastMs, seq);
    return Number(lastInsertRowid);
  }

  #grow(before: StoredSeries, after: EventSeries, seq: number): number {
    const waits = before.confirmed < before.count;
    this.#db
      .query(`UPDATE event_series SET count = ?, first_ms = ?, last_ms = ?, message = ?,
        queued_seq = CASE WHEN ? THEN queued_seq ELSE ? END WHERE id = ?`)
      .run(after.count, after.firstMs, after.lastMs, after.message, waits, seq, before.id);
    return before.id;
  }

  #seqOfUnassigned(id: string): number | null {
    const select = `SELECT seq FROM incidents WHERE id = ? AND ${UNASSIGNED}`;
    return this.#db.query<{ seq: number }, [string]>(select).get(id)?.seq ?? null;
  }

  #off(seq: number, reason: string): void {
    this.#db
      .query("UPDATE incidents SET event_state = 'off', event_reason = ? WHERE seq = ?")
      .run(reason, seq);
  }

  /** It would be the oldest for ever, and everything behind it would wait. */
  #closeUnreadable(seq: number): [] {
    this.#off(seq, "unreadable record");
    return [];
  }

  #write<T>(action: () => T): Stored<T> {
    return attempt(this.#path, () => this.#db.transaction(action).immediate());
  }
}
