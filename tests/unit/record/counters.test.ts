import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { CounterTable } from "../../../src/record/counter-table.ts";
import type { Incident } from "../../../src/record/incident.ts";
import type { Counter } from "../../../src/record/incident-counts.ts";
import { IncidentQueue } from "../../../src/record/incident-queue.ts";
import { migrate } from "../../../src/record/schema.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import { StoreError } from "../../../src/record/store-error.ts";
import { incident } from "./incidents.ts";
import { scratch } from "./tiny-disk.ts";

const labels = { namespace: "default", pod: "web-0", container: "app" };
const counter = (value: number, pod = "web-0"): Counter => ({
  name: "stuck",
  labels: { ...labels, pod },
  value,
});
const stuck = (id: string, changes: Partial<Incident> = {}) => incident({ id, kind: "stuck", ...changes });

/** A queue on a folder, and whether its store can be opened. */
function queueOn(path: string, capacity?: number) {
  const state = { broken: false };
  const open = () =>
    state.broken
      ? ({ ok: false, error: new StoreError("unavailable", path, "told so") } as const)
      : IncidentStore.open(path);
  return { state, queue: new IncidentQueue(open, capacity) };
}

describe("what incidents add up to", () => {
  test("outlives the process", () => {
    using dir = scratch();
    const first = queueOn(dir.path).queue;
    first.record(stuck("a"), 0);
    first.record(stuck("b"), 0);
    expect(first.counters()).toEqual([counter(2)]);
    first.close();
    const second = queueOn(dir.path).queue;
    second.record(stuck("c"), 0);
    expect(second.counters()).toEqual([counter(3)]);
    second.close();
  });

  test("counts an incident once that is recorded twice, as after a crash", () => {
    using dir = scratch();
    const { queue } = queueOn(dir.path);
    queue.record(stuck("a"), 0);
    queue.record(stuck("a"), 0);
    expect(queue.counters()).toEqual([counter(1)]);
    queue.close();
  });

  test("goes on where incidents leave the store because it is full", () => {
    using dir = scratch();
    const opened = IncidentStore.open(dir.path, { maxIncidents: 2 });
    if (!opened.ok) throw opened.error;
    for (const id of ["a", "b", "c", "d"]) opened.value.insert(stuck(id));
    expect(opened.value.counters?.all()).toEqual({ ok: true, value: [counter(4)] });
    opened.value.close();
  });

  test("has what waits for a store that does not work, and has it once when it works again", () => {
    using dir = scratch();
    const { state, queue } = queueOn(dir.path);
    queue.record(stuck("a"), 0);
    queue.close();
    state.broken = true;
    queue.record(stuck("b"), 0);
    queue.record(stuck("c", { pod: "web-1" }), 0);
    expect(queue.isWorking).toBe(false);
    expect(queue.counters().map(({ value }) => value)).toEqual([1, 1]);
    state.broken = false;
    queue.retry(60_000);
    expect(queue.isWorking).toBe(true);
    expect(queue.counters()).toEqual([counter(2), counter(1, "web-1")]);
    queue.close();
  });

  test("does not fall when more waits than there is room for", () => {
    using dir = scratch();
    const { state, queue } = queueOn(dir.path, 2);
    state.broken = true;
    for (const id of ["a", "b", "c", "d", "e"]) queue.record(stuck(id), 0);
    expect(queue.dropped).toBe(3);
    expect(queue.counters()).toEqual([counter(5)]);
    queue.close();
  });

  test("does not fall when the store has to be begun anew", () => {
    using dir = scratch();
    const { queue } = queueOn(dir.path);
    queue.record(stuck("a"), 0);
    queue.record(stuck("b"), 0);
    expect(queue.counters()).toEqual([counter(2)]);
    queue.close();
    for (const suffix of ["-wal", "-shm"]) rmSync(`${dir.path}/incidents.db${suffix}`, { force: true });
    writeFileSync(`${dir.path}/incidents.db`, "no database at all".repeat(500));
    queue.record(stuck("c"), 0);
    expect(queue.counters()).toEqual([counter(3)]);
    queue.close();
    const next = queueOn(dir.path).queue;
    next.retry(0);
    expect(next.counters()).toEqual([counter(3)]);
    next.close();
  });
});

describe("the table of counters", () => {
  function table(maxLabelSets: number): CounterTable {
    const db = new Database(":memory:");
    migrate(db, ":memory:");
    return new CounterTable(db, ":memory:", maxLabelSets);
  }
  const values = (of: CounterTable) => {
    const all = of.all();
    if (!all.ok) throw all.error;
    return Object.fromEntries(all.value.map(({ labels: { pod }, value }) => [pod, value]));
  };

  test("has at most so many label sets of a counter: what comes besides counts as others", () => {
    const counters = table(2);
    for (const pod of ["a", "b", "c", "d", "b"]) counters.add(counter(1, pod));
    expect(values(counters)).toEqual({ a: 1, b: 2, "(other)": 2 });
  });

  test("forgets what it is told to, and counts that from one again", () => {
    const counters = table(10);
    for (const pod of ["a", "b", "b"]) counters.add(counter(1, pod));
    counters.forget([counter(2, "b")]);
    expect(values(counters)).toEqual({ a: 1 });
    counters.add(counter(1, "b"));
    expect(values(counters)).toEqual({ a: 1, b: 1 });
  });

  test("is restored to what was seen, and not below what it has", () => {
    const counters = table(10);
    counters.add(counter(5, "a"));
    counters.restore([counter(3, "a"), counter(4, "b")]);
    expect(values(counters)).toEqual({ a: 5, b: 4 });
  });
});
