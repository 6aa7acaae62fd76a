import { expect, test } from "bun:test";
import { plan, strays } from "../../runner/plan.ts";

const files = [
  "tests/real/b.test.ts",
  "tests/cli/c.test.ts",
  "tests/vm/d.rebooted.test.ts",
  "tests/vm/d.test.ts",
  "tests/vm/e.test.ts",
  "tests/unit/z.test.ts",
  "tests/unit/a/y.test.ts",
];

test("unit tests come first, those on real cgroups later, those in a machine last", () => {
  expect(plan(files, []).map(({ path }) => path)).toEqual([
    "tests/unit/a/y.test.ts",
    "tests/unit/z.test.ts",
    "tests/cli/c.test.ts",
    "tests/real/b.test.ts",
    "tests/vm/d.test.ts",
    "tests/vm/d.rebooted.test.ts",
    "tests/vm/e.test.ts",
  ]);
});

test("what runs in a machine is marked, and what wants it booted again follows what it goes on from", () => {
  const marks = plan(files, ["tests/vm/d", "real"]).map((file) => [file.inMachine, file.afterReboot]);
  expect(marks).toEqual([
    [undefined, undefined],
    [true, undefined],
    [true, true],
  ]);
});

test("filters are parts of a path, any of them", () => {
  expect(plan(files, ["real", "a/y"]).map(({ path }) => path)).toEqual([
    "tests/unit/a/y.test.ts",
    "tests/real/b.test.ts",
  ]);
  expect(plan(files, ["nothing"])).toEqual([]);
});

test("a file that no group would run is found", () => {
  expect(strays([...files, "tests/other/q.test.ts"])).toEqual(["tests/other/q.test.ts"]);
});
