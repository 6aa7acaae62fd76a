import type { Database } from "bun:sqlite";

/** Events that may wait: incidents whose pod is not known yet, and series. A series of a hundred restarts is one. */
export const MAX_WAITING = 1000;

/** Why an Event that waited is not sent any more. */
export type LossReason = "outbox full" | "store full";

/** Which incidents wait without a series, as SQL; the index incidents_unsent finds them. */
export const UNASSIGNED = "event_state = 'pending' AND event_series IS NULL";

/** Gives up the oldest Events beyond the bound. Within a transaction. @returns how many */
export function makeRoom(db: Database, maxWaiting: number): number {
  const count = db.query<{ waiting: number }, []>(
    `SELECT (SELECT count(*) FROM incidents WHERE ${UNASSIGNED})
          + (SELECT count(*) FROM event_series WHERE confirmed < count) AS waiting`,
  );
  const excess = Math.max(0, (count.get()?.waiting ?? 0) - maxWaiting);
  for (let i = 0; i < excess; i++) giveUpOldest(db);
  return excess;
}

/**
 * How many incidents would leave the store untold if those up to this one went. Not those in a series: that tells of
 * them whether they are in the store or not.
 */
export function untoldUpTo(db: Database, seq: number): number {
  const count = `SELECT count(*) AS untold FROM incidents WHERE ${UNASSIGNED} AND seq <= ?`;
  return db.query<{ untold: number }, [number]>(count).get(seq)?.untold ?? 0;
}

function giveUpOldest(db: Database): void {
  const incident = db
    .query<{ seq: number }, []>(`SELECT seq FROM incidents WHERE ${UNASSIGNED} ORDER BY seq LIMIT 1`)
    .get();
  const series = db
    .query<{ id: number; seq: number }, []>(
      "SELECT id, queued_seq AS seq FROM event_series WHERE confirmed < count ORDER BY queued_seq LIMIT 1",
    )
    .get();
  const reason: LossReason = "outbox full";
  if (series !== null && series.seq < (incident?.seq ?? Number.POSITIVE_INFINITY)) {
    closeSeries(db, series.id, reason, 0);
  } else if (incident !== null) {
    db.query("UPDATE incidents SET event_state = 'off', event_reason = ? WHERE seq = ?").run(
      reason,
      incident.seq,
    );
  }
}

/** No Event will tell of what the series has not told yet. Within a transaction. @returns how many incidents */
export function closeSeries(db: Database, id: number, reason: string, attempts: 0 | 1): number {
  const close = `UPDATE incidents SET event_state = 'off', event_reason = ?, event_name = NULL,
    event_attempts = event_attempts + ? WHERE event_state = 'pending' AND event_series = ?`;
  const { changes } = db.query(close).run(reason, attempts, id);
  db.query("DELETE FROM event_series WHERE id = ?").run(id);
  return changes;
}
