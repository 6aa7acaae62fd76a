import { expect, test } from "bun:test";
import { lanesOf, type PlannedFile, plan, strays, titleOf } from "../../runner/plan.ts";
import { outputBase } from "../../runner/run-file.ts";

const files = [
  "tests/real/race.test.ts",
  "tests/real/oracle.test.ts",
  "tests/real/b.test.ts",
  "tests/cli/c.test.ts",
  "tests/vm/d.rebooted.test.ts",
  "tests/vm/d.test.ts",
  "tests/vm/e.test.ts",
  "tests/unified/f.test.ts",
  "tests/unified/g.nopsi.test.ts",
  "tests/unit/z.test.ts",
  "tests/unit/a/y.test.ts",
];
const titles = (...filters: string[]) => plan(files, filters).map(titleOf);

test("unit tests come first, those on real cgroups later, those in machines last, one machine after the other", () => {
  expect(titles()).toEqual([
    "tests/unit/a/y.test.ts",
    "tests/unit/z.test.ts",
    "tests/cli/c.test.ts",
    "tests/real/b.test.ts",
    "tests/real/oracle.test.ts",
    "tests/real/race.test.ts",
    "tests/real/oracle.test.ts in bookworm-v1",
    "tests/vm/d.test.ts in bookworm-v1",
    "tests/vm/d.rebooted.test.ts in bookworm-v1",
    "tests/vm/e.test.ts in bookworm-v1",
    "tests/real/race.test.ts in bookworm-v2",
    "tests/unified/f.test.ts in bookworm-v2",
    "tests/real/oracle.test.ts in forky-v2",
    "tests/real/race.test.ts in forky-v2",
    "tests/unified/f.test.ts in forky-v2",
    "tests/unified/g.nopsi.test.ts in bookworm-v2-nopsi",
  ]);
});

test("what goes on from before a reboot is marked", () => {
  const marks = plan(files, ["tests/vm/d"]).map(({ path, afterReboot }) => [path, afterReboot]);
  expect(marks).toEqual([
    ["tests/vm/d.test.ts", undefined],
    ["tests/vm/d.rebooted.test.ts", true],
  ]);
});

test("filters are parts of a path or of its machine's name, any of them", () => {
  expect(titles("real/b", "a/y")).toEqual(["tests/unit/a/y.test.ts", "tests/real/b.test.ts"]);
  expect(titles("in forky")).toEqual([
    "tests/real/oracle.test.ts in forky-v2",
    "tests/real/race.test.ts in forky-v2",
    "tests/unified/f.test.ts in forky-v2",
  ]);
  expect(titles("race.test.ts in bookworm")).toEqual(["tests/real/race.test.ts in bookworm-v2"]);
  expect(titles("nothing")).toEqual([]);
});

test("each run of a file has a log of its own", () => {
  const logs = plan(files, ["race"]).map((file: PlannedFile) => outputBase(file, "dist/tests"));
  expect(logs).toEqual([
    "dist/tests/tests-real-race",
    "dist/tests/tests-real-race.bookworm-v2",
    "dist/tests/tests-real-race.forky-v2",
  ]);
});

test("a file that no group would run is found", () => {
  expect(strays([...files, "tests/other/q.test.ts"])).toEqual(["tests/other/q.test.ts"]);
});

test("those that wait run beside the machines, everything else before", () => {
  const planned = plan([...files, "tests/real/outage.test.ts", "tests/real/pods.test.ts"], []);
  const { alone, besideMachines, inMachines } = lanesOf(planned);
  expect(alone.map(titleOf)).toEqual(titles().slice(0, 6));
  expect(besideMachines.map(titleOf)).toEqual(["tests/real/outage.test.ts", "tests/real/pods.test.ts"]);
  expect(inMachines.map(titleOf)).toEqual(titles().slice(6));
});
