import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { FOLD_WINDOW_MS, type Occurrence } from "../../../src/record/event-series.ts";
import type { Incident } from "../../../src/record/incident.ts";
import type { Outbox } from "../../../src/record/outbox.ts";
import { IncidentStore, type StoreOptions } from "../../../src/record/store.ts";
import type { Stored } from "../../../src/record/store-error.ts";
import { incident } from "./incidents.ts";
import { scratch } from "./tiny-disk.ts";

const pending = { state: "pending", attempts: 0, name: null, reason: null } as const;
const NOW = Date.UTC(2026, 0, 2);

function must<T>(stored: Stored<T>): T {
  if (!stored.ok) throw stored.error;
  return stored.value;
}

/** A store on disk with its outbox; `reopen` is what a crash and a new start do. */
function opened(options: StoreOptions = {}) {
  const dir = scratch();
  const open = () => {
    const store = must(IncidentStore.open(dir.path, options));
    return { store, outbox: store.outbox as Outbox };
  };
  const state = { ...open(), path: join(dir.path, "incidents.db") };
  return {
    state,
    reopen() {
      state.store.close();
      Object.assign(state, open());
    },
    [Symbol.dispose]() {
      state.store.close();
      dir[Symbol.dispose]();
    },
  };
}

function add(store: IncidentStore, id: string, changes: Partial<Incident> = {}): void {
  must(store.insert(incident({ id, timeMs: NOW, event: pending, ...changes })));
}

function tell(id: string, changes: Partial<Occurrence> = {}) {
  const occurrence: Occurrence = {
    namespace: "default",
    pod: "web-0",
    podUid: "uid-0",
    container: "app",
    reason: "OomGuardKillContainer",
    name: `web-0.${id}`,
    message: `killed ${id}`,
    timeMs: NOW,
    ...changes,
  };
  return { id, tell: occurrence };
}

/** Adds incidents and folds them into a series of `pod`. */
function addTo({ store, outbox }: { store: IncidentStore; outbox: Outbox }, pod: string, ids: string[]) {
  for (const id of ids) {
    add(store, id);
    must(outbox.settle([tell(id, { pod, podUid: `uid of ${pod}` })], NOW));
  }
}

function events(store: IncidentStore) {
  return Object.fromEntries(must(store.recent()).incidents.map(({ id, event }) => [id, event]));
}

function states(store: IncidentStore) {
  return Object.fromEntries(Object.entries(events(store)).map(([id, { state }]) => [id, state]));
}

function queued(outbox: Outbox) {
  return must(outbox.pending()).map(({ id }) => must(outbox.series(id))!);
}

describe("unassigned", () => {
  test("are the pending ones, oldest first, whose pod is known or not", () => {
    using box = opened();
    const { store, outbox } = box.state;
    add(store, "named");
    add(store, "off", { event: { ...pending, state: "off" } });
    add(store, "no uid", { podUid: null });
    add(store, "no pod", { pod: null });
    add(store, "no namespace", { namespace: null });
    add(store, "no container", { container: null });
    add(store, "a whole pod", { container: null, containerId: null });
    const ids = (known: "named" | "unnamed", limit: number) =>
      must(outbox.unassigned(known, limit)).map(({ id }) => id);
    expect(ids("named", 10)).toEqual(["named", "a whole pod"]);
    expect(ids("unnamed", 10)).toEqual(["no uid", "no pod", "no namespace", "no container"]);
    expect(ids("unnamed", 1)).toEqual(["no uid"]);
  });

  test("a row that was edited by hand does not block the others", () => {
    using box = opened();
    const { store, outbox, path } = box.state;
    add(store, "edited");
    add(store, "whole");
    const db = new Database(path);
    db.run("UPDATE incidents SET victims = 'no json' WHERE id = 'edited'");
    db.close();
    expect(must(outbox.unassigned("named", 1))).toEqual([]);
    expect(must(outbox.unassigned("named", 1)).map(({ id }) => id)).toEqual(["whole"]);
  });

  test("one that is not to be told is off, and says why", () => {
    using box = opened();
    const { store, outbox } = box.state;
    add(store, "a");
    must(outbox.settle([{ id: "a", off: "no pod of this node" }], NOW));
    expect(events(store)).toEqual({ a: { ...pending, state: "off", reason: "no pod of this node" } });
    expect(must(outbox.counts())).toEqual({ incidents: 0, unassigned: 0, series: 0 });
  });

  test("what was found out about the pod fills in what was not known, and nothing else", () => {
    using box = opened();
    const { store, outbox } = box.state;
    add(store, "a", { namespace: null, pod: null, podUid: null, container: null });
    add(store, "b", { podUid: null, container: "its own" });
    must(outbox.settle([tell("a"), tell("b")], NOW));
    expect(must(store.recent({})).incidents).toMatchObject([
      { id: "b", namespace: "default", pod: "web-0", podUid: "uid-0", container: "its own" },
      { id: "a", namespace: "default", pod: "web-0", podUid: "uid-0", container: "app" },
    ]);
  });
});

describe("series", () => {
  test.each([
    ["the same again", {}, 1],
    ["another pod", { pod: "web-1" }, 2],
    ["a pod of the same name, made anew", { podUid: "uid-1" }, 2],
    ["another namespace", { namespace: "other" }, 2],
    ["another container", { container: "sidecar" }, 2],
    ["the whole pod", { container: null }, 2],
    ["another reason", { reason: "OomGuardKillStuck" }, 2],
    ["within the hour", { timeMs: NOW + FOLD_WINDOW_MS }, 1],
    ["after more than an hour", { timeMs: NOW + FOLD_WINDOW_MS + 1 }, 2],
    ["the clock was set back a little", { timeMs: NOW - 60_000 }, 1],
    ["the clock was set back by a day", { timeMs: NOW - 86_400_000 }, 2],
  ] as [string, Partial<Occurrence>, number][])("%s", (_promise, changes, expected) => {
    using box = opened();
    const { store, outbox } = box.state;
    for (const id of ["a", "b"]) add(store, id);
    must(outbox.settle([tell("a"), tell("b", changes)], NOW));
    const found = queued(outbox);
    expect(found.map(({ count }) => count)).toEqual(expected === 1 ? [2] : [1, 1]);
    expect(found.map(({ name }) => name)).toEqual(expected === 1 ? ["web-0.a"] : ["web-0.a", "web-0.b"]);
  });

  test("two of the whole pod are one", () => {
    using box = opened();
    const { store, outbox } = box.state;
    for (const id of ["a", "b"]) add(store, id);
    must(outbox.settle([tell("a", { container: null }), tell("b", { container: null })], NOW));
    expect(queued(outbox).map(({ count }) => count)).toEqual([2]);
  });

  test("has the first and the last time and the newest message, though incidents come late", () => {
    using box = opened();
    const { store, outbox } = box.state;
    for (const [id, timeMs] of Object.entries({ a: NOW + 10, b: NOW + 30, c: NOW + 20, d: NOW })) {
      add(store, id);
      must(outbox.settle([tell(id, { timeMs })], NOW));
    }
    const expected = { count: 4, confirmed: 0, firstMs: NOW, lastMs: NOW + 30, message: "killed b" };
    expect(queued(outbox)).toMatchObject([expected]);
  });

  test("an incident is in one series, once, however often it is settled", () => {
    using box = opened();
    const { store } = box.state;
    add(store, "a");
    for (let i = 0; i < 3; i++) {
      must(box.state.outbox.settle([tell("a"), { id: "a", off: "changed its mind" }, tell("gone")], NOW));
      box.reopen();
    }
    expect(queued(box.state.outbox).map(({ count }) => count)).toEqual([1]);
    expect(states(box.state.store)).toEqual({ a: "pending" });
  });

  test("all of a step happens, or nothing", () => {
    using box = opened();
    const { store, outbox } = box.state;
    for (const id of ["a", "b"]) add(store, id);
    const result = outbox.settle([tell("a"), tell("b", { timeMs: 0.5 })], NOW);
    expect(result.ok ? "" : result.error.reason).toBe("invalid");
    expect(must(outbox.counts())).toEqual({ incidents: 2, unassigned: 2, series: 0 });
  });

  test("wait in the order in which they had something to tell", () => {
    using box = opened();
    addTo(box.state, "a", ["a1"]);
    addTo(box.state, "b", ["b1"]);
    const { outbox } = box.state;
    const pods = () => must(outbox.pending()).map(({ pod }) => pod);
    expect(pods()).toEqual(["a", "b"]);
    must(outbox.delivered(1, 1));
    expect(pods()).toEqual(["b"]);
    addTo(box.state, "a", ["a2"]);
    expect(pods()).toEqual(["b", "a"]);
  });

  test("are forgotten when they are told and too old to grow, and not before", () => {
    using box = opened();
    addTo(box.state, "told", ["a"]);
    addTo(box.state, "untold", ["b"]);
    const { outbox } = box.state;
    must(outbox.delivered(1, 1));
    must(outbox.settle([], NOW + FOLD_WINDOW_MS));
    expect(must(outbox.series(1))?.pod).toBe("told");
    must(outbox.settle([], NOW + FOLD_WINDOW_MS + 1));
    expect(must(outbox.series(1))).toBeNull();
    expect(must(outbox.series(2))?.pod).toBe("untold");
  });
});

describe("delivery", () => {
  test("an attempt counts for what it would have told", () => {
    using box = opened();
    addTo(box.state, "web", ["a", "b"]);
    const { store, outbox } = box.state;
    must(outbox.attempted(1, 1));
    must(outbox.attempted(1, 2));
    expect(events(store)).toEqual({
      a: { state: "pending", attempts: 2, name: "web-0.a", reason: null },
      b: { state: "pending", attempts: 1, name: "web-0.a", reason: null },
    });
  });

  test("what the server has is sent; what happened meanwhile waits on", () => {
    using box = opened();
    addTo(box.state, "web", ["a", "b", "c"]);
    const { store, outbox } = box.state;
    must(outbox.delivered(1, 2));
    expect(states(store)).toEqual({ a: "sent", b: "sent", c: "pending" });
    expect(queued(outbox)).toMatchObject([{ count: 3, confirmed: 2 }]);
    must(outbox.delivered(1, 3));
    expect(events(store).c).toEqual({ state: "sent", attempts: 1, name: "web-0.a", reason: null });
    expect(queued(outbox)).toEqual([]);
  });

  test("an answer that comes twice, or late, takes nothing back", () => {
    using box = opened();
    addTo(box.state, "web", ["a", "b", "c"]);
    const { outbox } = box.state;
    for (const count of [3, 3, 1]) must(outbox.delivered(1, count));
    expect(must(outbox.series(1))).toMatchObject({ count: 3, confirmed: 3 });
  });

  test("a series that is given up says why, and the next incident begins a new one under a new number", () => {
    using box = opened();
    addTo(box.state, "web", ["a", "b"]);
    const { store, outbox } = box.state;
    must(outbox.delivered(1, 1));
    expect(must(outbox.close(1, "namespace is gone"))).toBe(1);
    expect(events(store)).toMatchObject({
      a: { state: "sent", name: "web-0.a" },
      b: { state: "off", attempts: 1, name: null, reason: "namespace is gone" },
    });
    addTo(box.state, "web", ["c"]);
    // An answer to a request for the old one may still come.
    must(outbox.delivered(1, 2));
    expect(queued(outbox)).toMatchObject([{ id: 2, count: 1, confirmed: 0, name: "web-0.c" }]);
    expect(states(store).c).toBe("pending");
  });

  test("everything is there after a crash", () => {
    using box = opened();
    addTo(box.state, "web", ["a", "b"]);
    must(box.state.outbox.delivered(1, 1));
    const before = queued(box.state.outbox);
    box.reopen();
    expect(queued(box.state.outbox)).toEqual(before);
    expect(must(box.state.outbox.counts())).toEqual({ incidents: 1, unassigned: 0, series: 1 });
  });
});

describe("bounds", () => {
  test("of more than 1,000 the oldest go, say so, and are counted once", () => {
    using box = opened();
    const { store, outbox } = box.state;
    for (let i = 0; i < 1005; i++) add(store, `i${i}`);
    expect(must(outbox.counts())).toEqual({ incidents: 1000, unassigned: 1000, series: 0 });
    expect(events(store)).toMatchObject({
      i4: { state: "off", reason: "outbox full" },
      i5: { state: "pending" },
    });
    expect(outbox.takeLost()).toEqual([{ reason: "outbox full", count: 5 }]);
    expect(outbox.takeLost()).toEqual([]);
  });

  test("a series is one entry, however often it happened", () => {
    using box = opened({ maxWaiting: 3 });
    addTo(
      box.state,
      "web",
      Array.from({ length: 50 }, (_, i) => `i${i}`),
    );
    expect(box.state.outbox.takeLost()).toEqual([]);
    expect(queued(box.state.outbox).map(({ count }) => count)).toEqual([50]);
  });

  test("the oldest goes, be it a series or an incident without a pod", () => {
    using box = opened({ maxWaiting: 3 });
    const { store, outbox } = box.state;
    add(store, "first");
    addTo(box.state, "web", ["a", "b"]);
    addTo(box.state, "db", ["c"]);
    add(store, "fourth");
    expect(states(store)).toMatchObject({ first: "off", a: "pending", b: "pending", c: "pending" });
    add(store, "fifth");
    expect(events(store)).toMatchObject({
      a: { state: "off", reason: "outbox full", name: null },
      b: { state: "off", reason: "outbox full" },
      c: { state: "pending" },
      fourth: { state: "pending" },
      fifth: { state: "pending" },
    });
    expect(outbox.takeLost()).toEqual([{ reason: "outbox full", count: 2 }]);
  });

  test("what is told or off takes no room", () => {
    using box = opened({ maxWaiting: 2 });
    addTo(box.state, "web", ["a"]);
    must(box.state.outbox.delivered(1, 1));
    for (let i = 0; i < 9; i++) add(box.state.store, `off${i}`, { event: { ...pending, state: "off" } });
    addTo(box.state, "db", ["b"]);
    addTo(box.state, "dns", ["c"]);
    expect(box.state.outbox.takeLost()).toEqual([]);
  });

  test("an incident that leaves the store untold is counted; one that is in a series is told by that", () => {
    using box = opened({ maxIncidents: 3 });
    const { store, outbox } = box.state;
    addTo(box.state, "web", ["a"]);
    add(store, "b");
    for (let i = 0; i < 3; i++) add(store, `off${i}`, { event: { ...pending, state: "off" } });
    expect(outbox.takeLost()).toEqual([{ reason: "store full", count: 1 }]);
    expect(queued(outbox)).toMatchObject([{ count: 1, confirmed: 0 }]);
    must(outbox.delivered(1, 1));
    expect(queued(outbox)).toEqual([]);
  });
});

describe("errors are values", () => {
  test("a closed store", () => {
    using box = opened();
    const { store, outbox } = box.state;
    store.close();
    for (const result of [outbox.counts(), outbox.pending(), outbox.delivered(1, 1), outbox.settle([], NOW)])
      expect(result.ok).toBe(false);
  });

  test("somebody else holds the lock", () => {
    using box = opened();
    addTo(box.state, "web", ["a"]);
    const other = new Database(box.state.path);
    other.run("BEGIN IMMEDIATE");
    const result = box.state.outbox.delivered(1, 1);
    expect(result.ok ? "" : result.error.reason).toBe("locked");
    other.run("COMMIT");
    other.close();
    expect(must(box.state.outbox.counts()).series).toBe(1);
  });

  test("a store that was opened to read has none", () => {
    using dir = scratch();
    must(IncidentStore.open(dir.path)).close();
    expect(must(IncidentStore.open(dir.path, { readonly: true })).outbox).toBeNull();
  });
});

test.each([
  ["the idle check", "SELECT seq FROM incidents WHERE event_state = 'pending' AND event_series IS NULL"],
  ["the queue", "SELECT id FROM event_series WHERE confirmed < count ORDER BY queued_seq"],
  [
    "a delivery",
    "UPDATE incidents SET event_attempts = 1 WHERE event_state = 'pending' AND event_series = 1 AND event_number <= 2",
  ],
])("%s goes by an index", (_promise, sql) => {
  using box = opened();
  const db = new Database(box.state.path);
  const plan = db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
  expect(plan.map(({ detail }) => detail).join()).toMatch(/USING (COVERING )?INDEX \w+_unsent/);
  db.close();
});
