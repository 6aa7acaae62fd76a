import { Database } from "bun:sqlite";
import { join } from "node:path";
import { CounterTable } from "./counter-table.ts";
import type { Incident, IncidentKind } from "./incident.ts";
import { countsOf } from "./incident-counts.ts";
import { INCIDENT_COLUMNS, incidentOfRow, incidentValues } from "./incident-row.ts";
import { Outbox } from "./outbox.ts";
import { MAX_WAITING, makeRoom, untoldUpTo } from "./outbox-bound.ts";
import { migrate, readSchemaVersion } from "./schema.ts";
import { attempt, type Stored } from "./store-error.ts";
import { BUSY_MS, createPrivately, openReadOnly, setAside } from "./store-file.ts";

/** How to open the store. */
export interface StoreOptions {
  /** Only read, as `history` does while the daemon writes; nothing is created or repaired. */
  readonly readonly?: boolean;
  /** How many incidents are kept; the oldest go. */
  readonly maxIncidents?: number;
  /** How many Events may wait; the oldest go. */
  readonly maxWaiting?: number;
  /** The clock, for the name of a corrupt file that is moved aside. */
  readonly now?: () => number;
}

/** Which incidents are wanted; absent: all. */
export interface IncidentQuery {
  readonly limit?: number;
  readonly sinceMs?: number;
  readonly kind?: IncidentKind;
  readonly namespace?: string;
  readonly pod?: string;
  readonly container?: string;
  readonly eventState?: Incident["event"]["state"];
}

/** What was found, newest first. */
export interface Found {
  readonly incidents: readonly Incident[];
  /** Rows that are there but cannot be understood. */
  readonly unreadable: number;
}

const FILE = "incidents.db";
const DEFAULT_MAX_INCIDENTS = 10_000;

const INSERT = `INSERT INTO incidents (${INCIDENT_COLUMNS.join(", ")})
  VALUES (${INCIDENT_COLUMNS.map(() => "?").join(", ")}) ON CONFLICT (id) DO NOTHING`;

/**
 * The incidents of this node, in `incidents.db` below the state directory. Every method answers with a value or an
 * error; none throws. What `insert` has acknowledged survives the death of the process and of the node.
 */
export class IncidentStore {
  /** Where the file that was here before went, because it was corrupt; null as a rule. */
  readonly setAside: string | null;
  /** The Events of these incidents; null in a store that was opened to read. */
  readonly outbox: Outbox | null;
  /** What they add up to; null likewise. */
  readonly counters: CounterTable | null;
  readonly #db: Database | null;
  readonly #path: string;
  readonly #maxIncidents: number;
  readonly #maxWaiting: number;

  private constructor(db: Database | null, path: string, options: StoreOptions, aside: string | null) {
    this.#db = db;
    this.#path = path;
    this.#maxIncidents = options.maxIncidents ?? DEFAULT_MAX_INCIDENTS;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.setAside = aside;
    const writable = options.readonly ? null : db;
    this.outbox = writable === null ? null : new Outbox(writable, path);
    this.counters = writable === null ? null : new CounterTable(writable, path);
  }

  /** Opens the store of a state directory, and makes both where they are missing (unless `readonly`). */
  static open(stateDir: string, options: StoreOptions = {}): Stored<IncidentStore> {
    const path = join(stateDir, FILE);
    if (options.readonly)
      return attempt(path, () => new IncidentStore(openReader(path), path, options, null));

    const first = attempt(path, () => new IncidentStore(openWriter(path), path, options, null));
    if (first.ok || first.error.reason !== "corrupt") return first;
    return attempt(path, () => {
      const aside = setAside(path, (options.now ?? Date.now)());
      return new IncidentStore(openWriter(path), path, options, aside);
    });
  }

  /** Stores it durably, and counts it. One whose id is there already is left as it is. @returns whether it was new. */
  insert(incident: Incident): Stored<boolean> {
    return this.#write((db) => {
      const insertAndTrim = db.transaction(() => {
        const { changes, lastInsertRowid } = db.query(INSERT).run(...incidentValues(incident));
        if (changes === 0) return null;
        for (const count of countsOf(incident)) this.counters?.add(count);
        return {
          trimmed: this.#trim(db, Number(lastInsertRowid)),
          crowdedOut: incident.event.state === "pending" ? makeRoom(db, this.#maxWaiting) : 0,
        };
      });
      const lost = insertAndTrim.immediate();
      this.outbox?.noteLost("store full", lost?.trimmed ?? 0);
      this.outbox?.noteLost("outbox full", lost?.crowdedOut ?? 0);
      return lost !== null;
    });
  }

  /** The last victim is dead, this long after its SIGKILL. @returns whether the incident was there. */
  setDead(id: string, deadMillis: number): Stored<boolean> {
    const update = "UPDATE incidents SET dead_millis = ? WHERE id = ?";
    return this.#write((db) => db.query(update).run(deadMillis, id).changes > 0);
  }

  /** The incidents that match, newest first. */
  recent(query: IncidentQuery = {}): Stored<Found> {
    return attempt(this.#path, () => {
      const { where, values } = conditions(query);
      const limit = Math.max(0, Math.floor(query.limit ?? this.#maxIncidents));
      const select = (db: Database) => `SELECT ${columnsOf(db)} FROM incidents ${where}
        ORDER BY time_ms DESC, seq DESC LIMIT ?`;
      const db = this.#db;
      const rows =
        db === null ? [] : db.query<unknown, (string | number)[]>(select(db)).all(...values, limit);
      const incidents = rows.map(incidentOfRow).filter((incident) => incident !== null);
      return { incidents, unreadable: rows.length - incidents.length };
    });
  }

  /** Lets go of the file. What was stored is in it, whatever happens here. */
  close(): void {
    attempt(this.#path, () => this.#db?.close());
  }

  /** Rows are numbered without gaps, so the oldest are found without counting. @returns how many Events are lost so */
  #trim(db: Database, newest: number): number {
    const last = newest - this.#maxIncidents;
    const untold = untoldUpTo(db, last);
    db.query("DELETE FROM incidents WHERE seq <= ?").run(last);
    return untold;
  }

  #write<T>(action: (db: Database) => T): Stored<T> {
    return attempt(this.#path, () => {
      if (this.#db === null) throw Object.assign(new Error("opened to read"), { code: "EROFS" });
      return action(this.#db);
    });
  }
}

/** A reader does not migrate: what a file of an older version does not have is null. */
function columnsOf(db: Database): string {
  const rows = db.query<{ name: string }, []>("SELECT name FROM pragma_table_info('incidents')").all();
  const present = new Set(rows.map(({ name }) => name));
  return INCIDENT_COLUMNS.map((column) => (present.has(column) ? column : `NULL AS ${column}`)).join(", ");
}

function conditions(query: IncidentQuery): { where: string; values: (string | number)[] } {
  const wanted: [string, string | number | undefined][] = [
    ["time_ms >= ?", query.sinceMs],
    ["kind = ?", query.kind],
    ["namespace = ?", query.namespace],
    ["pod = ?", query.pod],
    ["container = ?", query.container],
    ["event_state = ?", query.eventState],
  ];
  const given = wanted.filter((pair): pair is [string, string | number] => pair[1] !== undefined);
  return {
    where: given.length === 0 ? "" : `WHERE ${given.map(([condition]) => condition).join(" AND ")}`,
    values: given.map(([, value]) => value),
  };
}

function openWriter(path: string): Database {
  createPrivately(path);
  return configured(new Database(path, { readwrite: true }), (db) => {
    readSchemaVersion(db, path);
    db.run("PRAGMA journal_mode = WAL");
    // FULL syncs the log at every commit. NORMAL would lose the last incidents with the node's power, and a node that
    // ran out of memory is one whose watchdog resets it. Measured on ext4 over virtio: 114 us FULL, 12 us NORMAL.
    db.run("PRAGMA synchronous = FULL");
    // Pages cached by SQLite are memory of a daemon that guards memory: 256K hold the index of 10,000 incidents.
    db.run("PRAGMA cache_size = -256");
    // After a burst the log would stay as large as it ever was.
    db.run("PRAGMA journal_size_limit = 1048576");
    checkIntegrity(db);
    migrate(db, path);
  });
}

/** A reader, or null when nothing has been stored yet. */
function openReader(path: string): Database | null {
  const db = openReadOnly(path);
  if (db === null) return null;
  let version = 0;
  configured(db, () => {
    version = readSchemaVersion(db, path);
  });
  if (version > 0) return db;
  db.close();
  return null;
}

function configured(db: Database, prepare: (db: Database) => void): Database {
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    prepare(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Finds damage before the first incident has to be written into it. @throws as SQLite does on a corrupt file */
function checkIntegrity(db: Database): void {
  const row = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
  if (row !== null && row.quick_check !== "ok")
    throw Object.assign(new Error(row.quick_check), { code: "SQLITE_CORRUPT" });
}
