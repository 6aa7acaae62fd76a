import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IncidentQueue } from "../../../src/record/incident-queue.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import { StoreError, type StoreReason } from "../../../src/record/store-error.ts";
import { incident } from "./incidents.ts";
import { canMount, scratch, tinyDisk } from "./tiny-disk.ts";

const fine = { ok: true, value: undefined } as const;

/** A store on disk that can be told not to open. */
function flaky(path: string) {
  const state = { broken: null as StoreReason | null, opened: 0 };
  const open = () => {
    state.opened++;
    return state.broken === null
      ? IncidentStore.open(path)
      : ({ ok: false, error: new StoreError(state.broken, path, "told so") } as const);
  };
  return { state, open };
}

function stored(path: string): string[] {
  const reader = IncidentStore.open(path, { readonly: true });
  if (!reader.ok) throw reader.error;
  const found = reader.value.recent();
  reader.value.close();
  if (!found.ok) throw found.error;
  return found.value.incidents.map(({ id }) => id).toReversed();
}

describe("IncidentQueue", () => {
  test("while the store works, an incident is durable when record returns", () => {
    using dir = scratch();
    const queue = new IncidentQueue(flaky(dir.path).open);
    expect(queue.record(incident({ id: "a" }), 0)).toEqual(fine);
    expect(queue.waiting).toBe(0);
    expect(stored(dir.path)).toEqual(["a"]);
    queue.close();
  });

  test("while it does not, incidents wait, and are written in order when it does", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "permission denied";
    const queue = new IncidentQueue(open);
    for (let i = 0; i < 3; i++) {
      const result = queue.record(incident({ id: `i${i}`, timeMs: i }), 0);
      expect(result.ok ? "" : result.error.reason).toBe("permission denied");
    }
    expect(queue.waiting).toBe(3);
    state.broken = null;
    expect(queue.retry(60_000)).toEqual(fine);
    expect([queue.waiting, queue.dropped]).toEqual([0, 0]);
    expect(stored(dir.path)).toEqual(["i0", "i1", "i2"]);
    queue.close();
  });

  test("a store that fails is asked after 1, 2, 4 … 30 seconds, however much happens meanwhile", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "read-only";
    const queue = new IncidentQueue(open);
    const tries: number[] = [];
    for (let now = 0; now < 120_000; now += 500) {
      const before = state.opened;
      if (now % 5000 === 0) queue.record(incident({ id: `i${now}` }), now);
      else queue.retry(now);
      if (state.opened > before) tries.push(now / 1000);
    }
    expect(tries).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    state.broken = null;
    expect(queue.retry(121_000)).toEqual(fine);
    state.broken = "read-only";
    queue.close();
  });

  test("news of an incident waits with it", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "locked";
    const queue = new IncidentQueue(open);
    queue.record(incident({ id: "a", pod: "first" }), 0);
    queue.setDead("a", 31, 0);
    queue.record(incident({ id: "a", pod: "second" }), 0);
    expect(queue.waiting).toBe(1);
    state.broken = null;
    expect(queue.retry(60_000)).toEqual(fine);
    const found = queue.store?.recent();
    expect(found?.ok ? found.value.incidents : found).toEqual([
      incident({ id: "a", pod: "first", deadMillis: 31 }),
    ]);
    queue.close();
  });

  test("news of an incident that is stored already is written, or waits", () => {
    using dir = scratch();
    const queue = new IncidentQueue(flaky(dir.path).open);
    queue.record(incident({ id: "a" }), 0);
    expect(queue.setDead("a", 31, 0)).toEqual(fine);
    const found = queue.store?.recent();
    expect(found?.ok ? found.value.incidents[0]?.deadMillis : found).toBe(31);
    queue.close();
  });

  test("of more than 1,000 the oldest go, and are counted", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "disk full";
    const queue = new IncidentQueue(open);
    for (let i = 0; i < 1005; i++) queue.record(incident({ id: `i${i}`, timeMs: i }), 0);
    expect([queue.waiting, queue.dropped]).toEqual([1000, 5]);
    state.broken = null;
    queue.retry(60_000);
    expect(stored(dir.path)[0]).toBe("i5");
    expect(stored(dir.path)).toHaveLength(1000);
    queue.close();
  });

  test("what the store would refuse for ever does not hold up the rest", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "locked";
    const queue = new IncidentQueue(open);
    queue.record(incident({ id: "bad", timeMs: Number.NaN }), 0);
    queue.record(incident({ id: "good" }), 0);
    state.broken = null;
    const result = queue.retry(60_000);
    expect(result.ok ? "" : result.error.reason).toBe("invalid");
    expect([queue.waiting, queue.dropped, stored(dir.path)]).toEqual([0, 1, ["good"]]);
    expect(queue.record(incident({ id: "next" }), 60_000)).toEqual(fine);
    queue.close();
  });

  test("a file that goes corrupt under it is moved aside at the next try", () => {
    using dir = scratch();
    const queue = new IncidentQueue(() => IncidentStore.open(dir.path));
    queue.record(incident({ id: "before" }), 0);
    queue.close();
    writeFileSync(join(dir.path, "incidents.db"), "junk".repeat(5000));
    expect(queue.record(incident({ id: "after" }), 0)).toEqual(fine);
    expect(queue.store?.setAside).toContain("incidents.db.corrupt-");
    expect(stored(dir.path)).toEqual(["after"]);
    queue.close();
  });

  test("closing writes what it can, and tells what is lost", () => {
    using dir = scratch();
    const { state, open } = flaky(dir.path);
    state.broken = "locked";
    const queue = new IncidentQueue(open);
    queue.record(incident({ id: "a" }), 0);
    expect(queue.close()).toBe(1);
    state.broken = null;
    expect(queue.close()).toBe(0);
    expect(stored(dir.path)).toEqual(["a"]);
  });

  test.if(canMount)("a full disk costs the record for a while, and nothing in the end", () => {
    using disk = tinyDisk("256k");
    const queue = new IncidentQueue(() => IncidentStore.open(disk.path));
    const ids = Array.from({ length: 300 }, (_, i) => `i${i}`);
    const results = ids.map((id, i) => queue.record(incident({ id, timeMs: i }), i));
    const failed = results.filter((result) => !result.ok);
    expect(failed.length).toBeGreaterThan(100);
    expect(new Set(failed.map((result) => (result.ok ? "" : result.error.reason)))).toEqual(
      new Set(["disk full"]),
    );
    expect(queue.waiting).toBe(failed.length);
    Bun.spawnSync(["mount", "-o", "remount,size=8m", disk.path]);
    expect(queue.retry(60_000)).toEqual(fine);
    expect(stored(disk.path)).toEqual(ids);
    expect(readdirSync(disk.path).filter((name) => name.includes("corrupt"))).toEqual([]);
    queue.close();
  });

  test.if(canMount)("a disk that was read-only at the start is used when it can be written", () => {
    using disk = tinyDisk("1m");
    disk.remount("ro");
    const queue = new IncidentQueue(() => IncidentStore.open(join(disk.path, "state")));
    const result = queue.record(incident({ id: "a" }), 0);
    expect(result.ok ? "" : result.error.reason).toBe("read-only");
    disk.remount("rw");
    expect(queue.retry(1000)).toEqual(fine);
    expect(stored(join(disk.path, "state"))).toEqual(["a"]);
    queue.close();
  });
});
