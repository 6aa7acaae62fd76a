import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { BlackBox, BlackBoxWriter } from "../../../src/record/black-box.ts";
import type { Incident } from "../../../src/record/incident.ts";
import { IncidentQueue } from "../../../src/record/incident-queue.ts";
import type { EventMode } from "../../../src/record/initial-event.ts";
import { Recorder } from "../../../src/record/recorder.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import { StoreError } from "../../../src/record/store-error.ts";
import { incident } from "./incidents.ts";
import { scratch } from "./tiny-disk.ts";

let folder: ReturnType<typeof scratch>;
let broken: boolean;
let said: string[];
let box: BlackBox;
let writer: BlackBoxWriter;
let recorder: Recorder;
let mode: EventMode;

beforeEach(() => {
  folder = scratch();
  broken = false;
  said = [];
  mode = "off";
  box = BlackBox.open(folder.path, "box");
  writer = new BlackBoxWriter(box.fd);
  recorder = start();
});
afterEach(() => folder[Symbol.dispose]());

/** A recorder on the state directory, as a new process makes one. */
function start(): Recorder {
  box = BlackBox.open(folder.path, "box");
  const queue = new IncidentQueue(() =>
    broken
      ? { ok: false, error: new StoreError("disk full", folder.path, "no space left") }
      : IncidentStore.open(folder.path),
  );
  return new Recorder(
    queue,
    box,
    (error) => said.push(error.reason),
    () => said.push("works"),
    () => mode,
  );
}

function stored(): Incident[] {
  const opened = IncidentStore.open(folder.path, { readonly: true });
  if (!opened.ok) throw opened.error;
  const found = opened.value.recent();
  opened.value.close();
  if (!found.ok) throw found.error;
  return [...found.value.incidents];
}

/** The sentinel's part: an incident in the black box. */
function leave(told: Incident, state: "intent" | "done" = "done"): number {
  const slot = writer.claim();
  if (state === "intent") writer.writeIntent(slot, JSON.stringify(told));
  else writer.write(slot, told);
  return slot;
}

const yes = () => true;
const no = () => false;

test("what is stored leaves the black box", () => {
  recorder.record(incident(), [leave(incident())], 0);
  expect(stored()).toEqual([incident()]);
  expect(box.recover()).toEqual([]);
  expect(said).toEqual(["works"]);
});

test("what cannot be stored stays there until it is", () => {
  broken = true;
  recorder.record(incident(), [leave(incident())], 0);
  expect(box.recover().length).toBe(1);
  expect(said).toEqual(["disk full"]);
  broken = false;
  recorder.retry(60_000);
  expect(stored()).toEqual([incident()]);
  expect(box.recover()).toEqual([]);
  expect(said).toEqual(["disk full", "works"]);
});

test("what is recorded otherwise leaves the black box at once, or with what still waits to be stored", () => {
  recorder.release(leave(incident()));
  expect(box.recover()).toEqual([]);
  broken = true;
  recorder.record(incident(), [leave(incident())], 0);
  recorder.release(leave(incident()));
  expect(box.recover()).toHaveLength(2);
  broken = false;
  recorder.retry(60_000);
  expect(box.recover()).toEqual([]);
});

test("when the victims died is noted with the incident, also while that waits", () => {
  broken = true;
  recorder.record(incident(), [], 0);
  recorder.setDead(incident().id, 42, 1);
  broken = false;
  recorder.retry(60_000);
  expect(stored()).toEqual([incident({ deadMillis: 42 })]);
});

test("closing tells how much is lost with the process", () => {
  broken = true;
  recorder.record(incident({ id: "a" }), [], 0);
  recorder.record(incident({ id: "b" }), [], 0);
  expect(recorder.close(true)).toBe(2);
});

describe("after a death", () => {
  test("what happened is stored, oldest first, and the black box is empty", () => {
    leave(incident({ id: "2" }));
    leave(incident({ id: "1" }));
    const found = start().recover(no, 0).stored;
    expect(found.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(stored().length).toBe(2);
    expect(box.recover()).toEqual([]);
  });

  test("an intent counts only if it was carried out", () => {
    leave(incident({ id: "1" }), "intent");
    expect(start().recover(no, 0).stored).toEqual([]);
    leave(incident({ id: "2" }), "intent");
    expect(
      start()
        .recover(yes, 0)
        .stored.map(({ id }) => id),
    ).toEqual(["2"]);
  });

  test("what was stored, but not cleared, is not stored twice", () => {
    recorder.record(incident(), [], 0);
    leave(incident());
    start().recover(yes, 0);
    expect(stored()).toEqual([incident()]);
  });

  test("a kill by the kernel waits for what its log tells: it is handed over, and stays in the black box", () => {
    leave(incident({ id: "1" }));
    const slot = leave(incident({ id: "2", kind: "kernel-oom" }));
    const next = start();
    expect(next.recover(yes, 0).counted).toMatchObject([{ slot, incident: { id: "2" } }]);
    expect(stored()).toMatchObject([{ id: "1" }]);
    expect(box.recover()).toMatchObject([{ slot }]);
    next.record(incident({ id: "told", kind: "kernel-oom" }), [slot], 0);
    expect(box.recover()).toEqual([]);
  });

  test("what still cannot be stored stays for the process after", () => {
    leave(incident());
    broken = true;
    start().recover(yes, 0);
    expect(stored()).toEqual([]);
    broken = false;
    expect(start().recover(yes, 0).stored).toHaveLength(1);
    expect(stored()).toEqual([incident()]);
  });

  test.each([
    ["null", null],
    ["a number", 5],
    ["an object of something else", { event: 1 }],
    ["an incident without an event", { ...incident(), event: null }],
    ["an incident of an unknown kind", { ...incident(), kind: "sneeze" }],
    ["an incident without an id", { ...incident(), id: undefined }],
  ])("a whole record that is %s is left out", (_, record) => {
    leave(record as Incident);
    leave(incident());
    expect(start().recover(yes, 0).stored).toEqual([incident()]);
  });
});

test("without a black box everything else works", () => {
  const queue = new IncidentQueue(() => IncidentStore.open(folder.path));
  const bare = new Recorder(queue, null, no, yes);
  expect(bare.recover(yes, 0)).toEqual({ stored: [], counted: [] });
  bare.record(incident(), [], 0);
  expect(bare.close(true)).toBe(0);
  expect(stored()).toEqual([incident()]);
});

describe("at the end", () => {
  test("a black box whose incidents are all stored is removed", () => {
    recorder.close(true);
    expect(readdirSync(folder.path)).not.toContain("box");
  });

  test("one that may hold something stays", () => {
    recorder.close(false);
    expect(readdirSync(folder.path)).toContain("box");
  });
});

describe("Events", () => {
  const reasons = () => stored().map(({ event }) => event.reason ?? event.state);

  test("whether there will be one is decided when the incident is recorded, by the mode of that moment", () => {
    recorder.record(incident({ id: "1", timeMs: 1 }), [leave(incident())], 0);
    mode = "on";
    recorder.record(incident({ id: "2", timeMs: 2 }), [leave(incident())], 0);
    expect(reasons()).toEqual(["pending", "kubernetes is off"]);
  });

  test("of what the last process left, too; what it stored already stays as it is", () => {
    mode = "on";
    recorder.record(incident({ id: "1", timeMs: 1 }), [], 0);
    leave(incident({ id: "1", timeMs: 1 }));
    leave(incident({ id: "2", timeMs: 2 }));
    mode = "off";
    start().recover(yes, 0);
    expect(reasons()).toEqual(["kubernetes is off", "pending"]);
  });

  test("those of an earlier process are found before anything new happens", () => {
    mode = "on";
    recorder.record(incident(), [], 0);
    recorder.close(true);
    expect(start().outbox(0)?.counts()).toMatchObject({ value: { incidents: 1 } });
  });

  test("wait while no store works", () => {
    broken = true;
    expect(recorder.outbox(0)).toBeNull();
    expect(said).toEqual(["disk full"]);
    broken = false;
    expect(recorder.outbox(60_000)).not.toBeNull();
  });
});
