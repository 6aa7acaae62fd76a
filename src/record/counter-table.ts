import type { Database } from "bun:sqlite";
import { type Counter, type CounterName, MAX_LABEL_SETS, overflow } from "./incident-counts.ts";
import { attempt, type Stored } from "./store-error.ts";

interface Row {
  readonly name: CounterName;
  readonly labels: string;
  readonly value: number;
}

const ADD = "UPDATE counters SET value = value + ? WHERE name = ? AND labels = ?";
const INSERT = `INSERT INTO counters (name, labels, value) VALUES (?, ?, ?)
  ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value`;
const RESTORE = `INSERT INTO counters (name, labels, value) VALUES (?, ?, ?)
  ON CONFLICT (name, labels) DO UPDATE SET value = max(value, excluded.value)`;

/**
 * What the incidents of this node add up to, in their database: counted in the transaction that stores the incident, so
 * that none is missing and none counts twice, however the process ends. An incident that leaves the store stays counted.
 */
export class CounterTable {
  readonly #db: Database;
  readonly #path: string;
  readonly #maxLabelSets: number;

  /** @param db open to write, with the schema of this version @param path for errors */
  constructor(db: Database, path: string, maxLabelSets = MAX_LABEL_SETS) {
    this.#db = db;
    this.#path = path;
    this.#maxLabelSets = maxLabelSets;
  }

  /** Counts. Within a transaction. */
  add({ name, labels, value }: Counter): void {
    const key = JSON.stringify(labels);
    if (this.#db.query(ADD).run(value, name, key).changes > 0) return;
    const row = this.#db
      .query<{ sets: number }, [string]>("SELECT count(*) AS sets FROM counters WHERE name = ?")
      .get(name);
    const isFull = (row?.sets ?? 0) >= this.#maxLabelSets;
    this.#db.query(INSERT).run(name, isFull ? JSON.stringify(overflow(labels)) : key, value);
  }

  /** Every counter. */
  all(): Stored<readonly Counter[]> {
    const select = "SELECT name, labels, value FROM counters";
    return attempt(this.#path, () =>
      this.#db
        .query<Row, []>(select)
        .all()
        .map(({ name, labels, value }) => ({ name, labels: JSON.parse(labels), value })),
    );
  }

  /** Brings counters up to what they were seen at, in a database that was begun anew. */
  restore(counters: readonly Counter[]): Stored<void> {
    return this.#write(() => {
      for (const { name, labels, value } of counters)
        this.#db.query(RESTORE).run(name, JSON.stringify(labels), value);
    });
  }

  /** Counts these no more; what happens again begins at one. */
  forget(counters: readonly Counter[]): Stored<void> {
    return this.#write(() => {
      for (const { name, labels } of counters)
        this.#db
          .query("DELETE FROM counters WHERE name = ? AND labels = ?")
          .run(name, JSON.stringify(labels));
    });
  }

  #write(action: () => void): Stored<void> {
    return attempt(this.#path, () => this.#db.transaction(action).immediate());
  }
}
