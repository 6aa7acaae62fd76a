import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readOvercommit } from "../../../src/node/overcommit.ts";

let proc: string;
beforeAll(() => {
  proc = mkdtempSync(join(tmpdir(), "oom-guard-overcommit-"));
  mkdirSync(join(proc, "sys/vm"), { recursive: true });
});
afterAll(() => rmSync(proc, { recursive: true, force: true }));

const meminfo = { totalBytes: 8, availableBytes: 3, commitLimitBytes: 4, committedBytes: 9 };

test.each([
  ["0\n", 0],
  ["1\n", 1],
  ["2\n", 2],
  ["3\n", null],
  ["", null],
  ["x\n", null],
] as const)("%j is mode %p", (text, mode) => {
  writeFileSync(join(proc, "sys/vm/overcommit_memory"), text);
  expect(readOvercommit(proc, meminfo)).toEqual({ mode, commitLimitBytes: 4, committedBytes: 9 });
});

test("a kernel without the setting", () => {
  expect(readOvercommit(join(proc, "nowhere"), meminfo).mode).toBeNull();
});
