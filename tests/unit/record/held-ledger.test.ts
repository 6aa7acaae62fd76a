import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SysError } from "../../../ffi/sys-error.ts";
import type { Held } from "../../../src/cgroup/held.ts";
import { HeldLedger } from "../../../src/record/held-ledger.ts";
import { canMount, tinyDisk } from "./tiny-disk.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-ledger-"));
  path = join(folder, "run", "held");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const held = (cgroup: string, changes: Partial<Held> = {}): Held => ({
  cgroup,
  inode: "18446744073709551615",
  found: Number.POSITIVE_INFINITY,
  ours: [4096],
  ...changes,
});
/** What a process that starts now would find. */
const found = () => HeldLedger.open(path).all;

test("what is noted is there for the next process at once, whatever becomes of this one", () => {
  const ledger = HeldLedger.open(path);
  const all = [held("/a"), held("/b", { found: 8192, ours: [4096, 12288] })];
  for (const one of all) ledger.note(one);
  expect(ledger.all).toEqual(all);
  expect(found()).toEqual(all);
});

test("the last note of a cgroup counts, and one that is forgotten is gone", () => {
  const ledger = HeldLedger.open(path);
  ledger.note(held("/a"));
  ledger.note(held("/b"));
  ledger.note(held("/a", { ours: [8192] }));
  ledger.forget("/b");
  ledger.forget("/never");
  expect(found()).toEqual([held("/a", { ours: [8192] })]);
});

test("names with anything in them come back as they were", () => {
  const cgroup = '/k/ü "\\\n[1]';
  HeldLedger.open(path).note(held(cgroup));
  expect(found()).toEqual([held(cgroup)]);
});

test.each([
  ["a line torn by a crash", '["/b","7",nu'],
  ["text", "nonsense"],
  ["numbers for names", '[1,"7",null,4096]'],
  ["a size that is none", '["/b","7","x",4096]'],
  ["no inode", '["/b",7,null,4096]'],
  ["what is not a list", '{"cgroup":"/b"}'],
])("%s costs nobody else's line", (_, line) => {
  HeldLedger.open(path).note(held("/a"));
  appendFileSync(path, `${line}\n`);
  expect(found()).toEqual([held("/a")]);
});

test("the file does not grow with what comes and goes, nor does it lose anything when it is made anew", () => {
  const ledger = HeldLedger.open(path);
  ledger.note(held("/stays"));
  for (let i = 0; i < 10_000; i++) {
    ledger.note(held(`/${i}`));
    ledger.forget(`/${i}`);
  }
  expect(statSync(path).size).toBeLessThan(200_000);
  expect(found()).toEqual([held("/stays")]);
  expect(existsSync(`${path}.next`)).toBe(false);
});

test("nobody else may read it", () => {
  HeldLedger.open(path).note(held("/a"));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "run")).mode & 0o777).toBe(0o700);
});

test.skipIf(!canMount)("a disk that gets full in the middle of a line costs that one only", () => {
  using disk = tinyDisk("16k");
  const full = join(disk.path, "held");
  const ledger = HeldLedger.open(full);
  writeFileSync(join(disk.path, "ballast"), "x".repeat(8192));
  let noted = 0;
  const more = () => ledger.note(held(`/${"a".repeat(100)}${noted}`));
  expect(() => {
    for (; noted < 1000; noted++) more();
  }).toThrow(SysError);
  rmSync(join(disk.path, "ballast"));
  ledger.note(held("/last"));
  expect(HeldLedger.open(full).all).toHaveLength(noted + 1);
});

test("what cannot be written down is an error with its cause, and is not taken for noted", () => {
  const ledger = HeldLedger.open(path);
  rmSync(path);
  mkdirSync(path);
  expect(() => ledger.note(held("/a"))).toThrow(SysError);
  expect(ledger.all).toEqual([]);
});
