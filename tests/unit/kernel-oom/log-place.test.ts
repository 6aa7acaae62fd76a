import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, truncateSync, writeFileSync } from "node:fs";
import { LogPlace } from "../../../src/kernel-oom/log-place.ts";
import { scratch } from "../record/tiny-disk.ts";

let folder: ReturnType<typeof scratch>;
beforeEach(() => {
  folder = scratch();
});
afterEach(() => folder[Symbol.dispose]());

const file = () => `${folder.path}/new/place`;
const open = (boot = "boot-1", epochMs = 1000.4) => new LogPlace(file(), boot, epochMs);

test("the first time there is nothing to resume", () => {
  expect(open()).toMatchObject({ resumeAfter: null, epochMs: 1000 });
  expect(existsSync(file())).toBe(true);
});

test("what was noted last is resumed after, and the log's zero stays what it was when the clock is set", () => {
  const place = open();
  place.note(123_456);
  place.note(7);
  place.close();
  expect(open("boot-1", 99_999)).toMatchObject({ resumeAfter: 7, epochMs: 1000 });
});

test("the log of another boot has other records", () => {
  open().note(5);
  expect(open("boot-2", 2000)).toMatchObject({ resumeAfter: null, epochMs: 2000 });
});

test.each([
  ["empty", () => truncateSync(file(), 0)],
  ["torn", () => truncateSync(file(), 9)],
  ["something else", () => writeFileSync(file(), "\0\u{1F600} boot-1")],
  ["of this boot, with no number", () => writeFileSync(file(), "boot-1 1000 many\n")],
])("a file that is %s has nothing to resume", (_, spoil) => {
  open().note(5);
  spoil();
  expect(open("boot-1", 3000).resumeAfter).toBeNull();
});

test("where it cannot be made, it says so", () => {
  writeFileSync(`${folder.path}/new`, "");
  expect(() => open()).toThrow();
});
