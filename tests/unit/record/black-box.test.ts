import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { BlackBox, BlackBoxWriter } from "../../../src/record/black-box.ts";
import { hostileNames } from "../report/hostile.ts";
import { incident, victim } from "./incidents.ts";
import { scratch } from "./tiny-disk.ts";

const SLOT = 16 * 1024;
let folder: ReturnType<typeof scratch>;
let box: BlackBox;
let writer: BlackBoxWriter;

beforeEach(() => {
  folder = scratch();
  box = BlackBox.open(folder.path, "box");
  writer = new BlackBoxWriter(box.fd);
});
afterEach(() => {
  box.close();
  folder[Symbol.dispose]();
});

const path = () => join(folder.path, "box");

/** What a new process finds. */
function recovered() {
  const other = BlackBox.open(folder.path, "box");
  const found = other.recover();
  other.close();
  return found;
}

test("an incident that was written is found by the next process", () => {
  writer.write(writer.claim(), incident());
  expect(recovered()).toEqual([{ slot: 0, state: "done", incident: incident() }]);
});

test("an intent is found as such, and is replaced by what came of it", () => {
  const slot = writer.claim();
  writer.writeIntent(slot, JSON.stringify(incident({ victims: [] })));
  expect(recovered()).toMatchObject([{ state: "intent" }]);
  writer.write(slot, incident());
  expect(recovered()).toEqual([{ slot: 0, state: "done", incident: incident() }]);
});

test("an intent that came to nothing is gone, and its slot can be used", () => {
  const slot = writer.claim();
  writer.writeIntent(slot, JSON.stringify(incident()));
  writer.discard(slot);
  expect(recovered()).toEqual([]);
  writer.write(slot, incident());
  expect(recovered().length).toBe(1);
});

test("what is stored is cleared, one by one or all but what is not", () => {
  for (const id of ["a", "b", "c"]) writer.write(writer.claim(), incident({ id }));
  box.clear(1);
  expect(recovered().map(({ incident }) => (incident as { id: string }).id)).toEqual(["a", "c"]);
  box.clearAllBut(new Set([2]));
  expect(recovered()).toMatchObject([{ slot: 2 }]);
});

test("the 129th incident takes the place of the first", () => {
  for (let i = 0; i < 129; i++) writer.write(writer.claim(), incident({ id: String(i) }));
  const ids = recovered().map(({ incident }) => (incident as { id: string }).id);
  expect(ids.length).toBe(128);
  expect(ids[0]).toBe("128");
  expect(ids[1]).toBe("1");
  expect(statSync(path()).size).toBeLessThanOrEqual(128 * SLOT);
});

test("a writer begins behind what is still there, and goes round", () => {
  const later = new BlackBoxWriter(box.fd, 127);
  expect([later.claim(), later.claim()]).toEqual([127, 0]);
  expect(new BlackBoxWriter(box.fd, 128).claim()).toBe(0);
});

test("a short record leaves nothing of a longer one behind it", () => {
  const slot = writer.claim();
  writer.write(slot, incident({ victims: Array(30).fill(victim()) }));
  writer.write(slot, incident({ victims: [] }));
  expect(recovered()).toEqual([{ slot: 0, state: "done", incident: incident({ victims: [] }) }]);
});

describe("a record too long for its slot", () => {
  test("loses the tail of its victims, not itself", () => {
    const victims = Array.from({ length: 400 }, (_, pid) => victim({ pid, comm: "\u0001".repeat(15) }));
    writer.write(writer.claim(), incident({ victims, victimCount: 400 }));
    expect(recovered()).toEqual([
      { slot: 0, state: "done", incident: incident({ victims: victims.slice(0, 1), victimCount: 400 }) },
    ]);
  });

  test("loses even the name of its cgroup rather than be lost", () => {
    // A path of 4096 bytes that JSON has to escape throughout.
    writer.write(writer.claim(), incident({ id: "kept", cgroup: "\u0001".repeat(4096) }));
    expect(recovered()).toMatchObject([
      { state: "done", incident: { id: "kept", usageBytes: incident().usageBytes } },
    ]);
  });
});

test.each(
  hostileNames.filter(
    ([, name]) => !/[\ud800-\udfff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(name),
  ),
)("a name with %s comes back exactly", (_, name) => {
  const told = incident({ container: name, victims: [victim({ comm: name })] });
  writer.write(writer.claim(), told);
  expect(recovered()).toEqual([{ slot: 0, state: "done", incident: told }]);
});

describe("left out is", () => {
  const whole = () => writer.write(writer.claim(), incident());
  test.each([
    ["a file that is empty", () => writeFileSync(path(), "")],
    ["a file of something else", () => writeFileSync(path(), Buffer.alloc(3 * SLOT, 0xaa))],
    ["a record that was torn off", () => truncateSync(path(), 200)],
    ["a header without its text", () => truncateSync(path(), 16)],
    [
      "a record with a flipped bit",
      () => {
        const bytes = Buffer.alloc(1, 0x7f);
        const file = openSync(path(), "r+");
        writeSync(file, bytes, 0, 1, 100);
        closeSync(file);
      },
    ],
    [
      "a record that claims to be longer than the file",
      () => {
        const file = openSync(path(), "r+");
        writeSync(file, Buffer.from([0xff, 0xff, 0xff, 0x7f]), 0, 4, 8);
        closeSync(file);
      },
    ],
  ])("%s", (_, damage) => {
    whole();
    damage();
    expect(recovered()).toEqual([]);
  });

  test("a damaged record only, not the others", () => {
    whole();
    writer.write(writer.claim(), incident({ id: "second" }));
    const bytes = Buffer.from(readFileSync(path()));
    bytes[50] = bytes[50]! ^ 1;
    writeFileSync(path(), bytes);
    expect(recovered()).toMatchObject([{ incident: { id: "second" } }]);
  });
});

test("without a file nothing is written, and nothing fails", () => {
  const none = new BlackBoxWriter(-1);
  expect(() => {
    none.write(none.claim(), incident());
    none.discard(0);
  }).not.toThrow();
});

test("only root reads it", () => {
  rmSync(path());
  BlackBox.open(folder.path, "box").close();
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test("an intent that was only rehearsed is never found, and none that counts is lost by it", () => {
  writer.writeIntent(writer.claim(), '{"id":"1"}');
  for (let round = 0; round < 200; round++) writer.rehearseIntent('{"id":"2"}');
  expect(recovered().map(({ incident }) => incident)).toEqual([{ id: "1" }]);
});
