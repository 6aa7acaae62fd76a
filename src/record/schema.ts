import type { Database } from "bun:sqlite";
import { StoreError } from "./store-error.ts";

/**
 * Each entry takes the schema one version further; the version is SQLite's user_version. A published entry never
 * changes: a database somewhere has run it.
 *
 * `seq` is the order in which incidents were recorded. What goes first when the store is full is decided by it and
 * not by the time: a node's clock may jump, and an incident must not be the oldest at birth.
 */
const migrations: readonly string[] = [
  `CREATE TABLE incidents (
     seq               INTEGER PRIMARY KEY,
     id                TEXT    NOT NULL UNIQUE,
     time_ms           INTEGER NOT NULL,
     kind              TEXT    NOT NULL,
     trigger           TEXT    NOT NULL,
     policy            TEXT    NOT NULL,
     cgroup            TEXT    NOT NULL,
     namespace         TEXT,
     pod               TEXT,
     container         TEXT,
     container_id      TEXT,
     limit_bytes       INTEGER,
     threshold_bytes   INTEGER,
     usage_bytes       INTEGER,
     reclaimable_bytes INTEGER,
     victims           TEXT    NOT NULL,
     victim_count      INTEGER NOT NULL,
     decide_micros     INTEGER,
     dead_millis       INTEGER,
     event_state       TEXT    NOT NULL,
     event_attempts    INTEGER NOT NULL
   );
   CREATE INDEX incidents_time ON incidents (time_ms);`,

  // An incident whose Event is pending has no series yet, or a number in one: its Event tells of it when the server has
  // confirmed that many. A series is one Event; it waits from `queued_seq` on, the seq of the first incident that it has
  // yet to tell. Its ids are never given twice: an answer may come for a series that was given up meanwhile.
  `ALTER TABLE incidents ADD COLUMN pod_uid TEXT;
   ALTER TABLE incidents ADD COLUMN event_name TEXT;
   ALTER TABLE incidents ADD COLUMN event_reason TEXT;
   ALTER TABLE incidents ADD COLUMN event_series INTEGER;
   ALTER TABLE incidents ADD COLUMN event_number INTEGER;
   CREATE INDEX incidents_unsent ON incidents (event_series) WHERE event_state = 'pending';
   CREATE TABLE event_series (
     id         INTEGER PRIMARY KEY AUTOINCREMENT,
     namespace  TEXT    NOT NULL,
     pod        TEXT    NOT NULL,
     pod_uid    TEXT    NOT NULL,
     container  TEXT,
     reason     TEXT    NOT NULL,
     name       TEXT    NOT NULL,
     message    TEXT    NOT NULL,
     count      INTEGER NOT NULL,
     confirmed  INTEGER NOT NULL,
     first_ms   INTEGER NOT NULL,
     last_ms    INTEGER NOT NULL,
     queued_seq INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX event_series_pod ON event_series (pod_uid);
   CREATE INDEX event_series_unsent ON event_series (queued_seq) WHERE confirmed < count;`,

  `ALTER TABLE incidents ADD COLUMN scope TEXT;
   ALTER TABLE incidents ADD COLUMN silent INTEGER;`,

  // What the incidents add up to; `labels` is JSON. Incidents from before this table are not counted.
  `CREATE TABLE counters (
     name   TEXT    NOT NULL,
     labels TEXT    NOT NULL,
     value  INTEGER NOT NULL,
     PRIMARY KEY (name, labels)
   ) STRICT, WITHOUT ROWID;`,
];

/** The schema this program writes. */
export const SCHEMA_VERSION = migrations.length;

/** The schema the file has; 0: none yet. @throws StoreError when it is one this program does not know. */
export function readSchemaVersion(db: Database, path: string): number {
  const row = db.query<{ user_version: number }, []>("PRAGMA user_version").get();
  const version = row?.user_version ?? 0;
  if (version > SCHEMA_VERSION) {
    const detail = `made by a newer oom-guard: schema ${version}, this one knows ${SCHEMA_VERSION}`;
    throw new StoreError("newer schema", path, detail);
  }
  return version;
}

/** Brings the file to SCHEMA_VERSION, all of it or nothing. */
export function migrate(db: Database, path: string): void {
  if (readSchemaVersion(db, path) === SCHEMA_VERSION) return;
  const run = db.transaction(() => {
    // Read again under the write lock: another process may have migrated meanwhile.
    for (const statements of migrations.slice(readSchemaVersion(db, path))) db.run(statements);
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
  run.immediate();
}
