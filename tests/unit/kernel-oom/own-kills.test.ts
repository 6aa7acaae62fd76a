import { expect, test } from "bun:test";
import { OwnKills } from "../../../src/kernel-oom/own-kills.ts";
import { APP, POD, SIDECAR } from "./kills.ts";

test.each([
  ["a process it has signalled", 1, APP, 0, true],
  ["another process there", 3, APP, 0, false],
  ["one of that pid elsewhere", 1, SIDECAR, 0, false],
  ["one of that pid in a cgroup inside", 1, `${APP}/job`, 0, true],
  ["one of that pid in the whole pod", 1, POD, 0, true],
  ["one of that pid, the cgroup not told", 1, null, 0, true],
  ["one that the kernel was first to kill", 1, APP, -5, true],
  ["one of that pid much later", 1, APP, 10_001, false],
  ["one of that pid long before", 1, APP, -10_001, false],
] as const)("%s", (_, pid, cgroup, afterMs, expected) => {
  const own = new OwnKills();
  own.struck(APP, [1, 2], 50_000);
  expect(own.has(pid, cgroup, 50_000 + afterMs)).toBe(expected);
});

test("old strikes are forgotten", () => {
  const own = new OwnKills();
  own.struck(APP, [1], 0);
  own.struck(APP, [2], 20_000);
  expect(own.has(1, APP, 0)).toBe(false);
});
