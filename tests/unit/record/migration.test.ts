import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { IncidentStore } from "../../../src/record/store.ts";
import { incident } from "./incidents.ts";
import { scratch } from "./tiny-disk.ts";
import { v1Database } from "./v1-database.ts";

const off = { state: "off", attempts: 0, name: null, reason: null } as const;

function shown(store: IncidentStore) {
  const found = store.recent();
  if (!found.ok) throw found.error;
  expect(found.value.unreadable).toBe(0);
  return found.value.incidents.map(({ id, pod, podUid, event }) => ({ id, pod, podUid, event }));
}

function open(stateDir: string, readonly: boolean): IncidentStore {
  const opened = IncidentStore.open(stateDir, { readonly });
  if (!opened.ok) throw opened.error;
  return opened.value;
}

const old = [
  { id: "b", pod: "web-0", podUid: null, event: off },
  { id: "a", pod: "web-0", podUid: null, event: off },
];

test("a database of version 1 is migrated, and its rows read fine", () => {
  using dir = scratch();
  v1Database(dir.path);
  const store = open(dir.path, false);
  expect(shown(store)).toEqual(old);
  expect(store.insert(incident({ id: "c" }))).toEqual({ ok: true, value: true });
  expect(store.outbox?.counts()).toEqual({ ok: true, value: { incidents: 0, unassigned: 0, series: 0 } });
  store.close();
  const again = open(dir.path, false);
  expect(shown(again).slice(1)).toEqual(old);
  again.close();
});

test("a reader shows one that no guard has migrated yet, and leaves it as it is", () => {
  using dir = scratch();
  v1Database(dir.path);
  const before = readFileSync(join(dir.path, "incidents.db"));
  const reader = open(dir.path, true);
  expect(shown(reader)).toEqual(old);
  reader.close();
  expect(readFileSync(join(dir.path, "incidents.db")).equals(before)).toBe(true);
});
