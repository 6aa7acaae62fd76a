import { Database } from "bun:sqlite";
import { join } from "node:path";

// As version 1 made it. Never to be changed with the schema: it stands for the files that are out there.
const SCHEMA_1 = `CREATE TABLE incidents (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,
  trigger TEXT NOT NULL, policy TEXT NOT NULL, cgroup TEXT NOT NULL, namespace TEXT, pod TEXT, container TEXT,
  container_id TEXT, limit_bytes INTEGER, threshold_bytes INTEGER, usage_bytes INTEGER, reclaimable_bytes INTEGER,
  victims TEXT NOT NULL, victim_count INTEGER NOT NULL, decide_micros INTEGER, dead_millis INTEGER,
  event_state TEXT NOT NULL, event_attempts INTEGER NOT NULL
);
CREATE INDEX incidents_time ON incidents (time_ms);`;

/** The store of a state directory as version 1 of the schema left it, with two incidents. */
export function v1Database(stateDir: string): void {
  const db = new Database(join(stateDir, "incidents.db"));
  db.run("PRAGMA journal_mode = WAL");
  db.run(SCHEMA_1);
  for (const [id, timeMs] of [
    ["a", 1000],
    ["b", 2000],
  ] as const) {
    db.run(
      `INSERT INTO incidents VALUES (NULL, ?, ?, 'kill', 'threshold', 'container', '/kubepods/pod1/c1', 'default',
       'web-0', 'app', '0123', 1000, 980, 981, 3, '[]', 3, 210, 31, 'off', 0)`,
      [id, timeMs],
    );
  }
  db.run("PRAGMA user_version = 1");
  db.close();
}
