import { expect, test } from "bun:test";
import { type FileResult, ofBoth } from "../../runner/run-file.ts";
import {
  closingLine,
  failureLines,
  isGood,
  skipLines,
  totalsOf,
  unsteadyLines,
} from "../../runner/summary.ts";

const file = (facts: Partial<FileResult>): FileResult => ({
  title: "tests/unit/x.test.ts",
  passed: 0,
  skipped: 0,
  failures: [],
  unsteady: [],
  skipReasons: [],
  leftovers: [],
  seconds: 1,
  logFile: "dist/tests/x.log",
  ...facts,
});
const failure = { name: "adds", message: "1 is not 2\n  at x" };

test.each([
  ["all passed", [file({ passed: 3 })], false, "3 passed, 0 failed", true],
  ["some skipped", [file({ passed: 3, skipped: 2 })], false, "3 passed, 0 failed, 2 skipped", true],
  [
    "some skipped where that is forbidden",
    [file({ passed: 3, skipped: 2 })],
    true,
    "3 passed, 2 failed",
    false,
  ],
  ["one failed", [file({ passed: 3 }), file({ failures: [failure] })], false, "3 passed, 1 failed", false],
  ["nothing ran", [file({ skipped: 4 })], false, "0 passed, 0 failed, 4 skipped", false],
])("%s", (_, results, forbid, line, good) => {
  const totals = totalsOf(results, forbid);
  expect(closingLine(totals)).toBe(line);
  expect(isGood(totals)).toBe(good);
});

test("each reason to skip is said once, with what it cost", () => {
  const reason = "gcc not found: apt-get install -y gcc";
  const results = [
    file({ skipped: 2, skipReasons: [reason] }),
    file({ skipped: 3, skipReasons: [reason] }),
    file({ passed: 1, skipReasons: ["nothing was skipped for this"] }),
    file({ title: "tests/real/y.test.ts in forky-v2", skipped: 1 }),
  ];
  expect(skipLines(results)).toEqual([
    `skipped 5: ${reason}`,
    "skipped 1: tests/real/y.test.ts in forky-v2 gives no reason",
  ]);
});

test("a failure is told with its file, its name and its words", () => {
  expect(failureLines([file({ failures: [failure] })])).toEqual([
    "FAILED tests/unit/x.test.ts: adds",
    "    1 is not 2",
    "      at x",
    "    (all it printed: dist/tests/x.log)",
  ]);
});

test("what fails in both runs has failed; what fails in the first one only is told", () => {
  const other = { name: "removes", message: "too late" };
  const both = ofBoth(
    file({ failures: [failure, other], seconds: 2, leftovers: ["sleep (pid 7)"] }),
    file({ passed: 5, failures: [failure], logFile: "dist/tests/again/x.log" }),
  );
  expect(totalsOf([both], false)).toEqual({ passed: 5, failed: 1, skipped: 0 });
  expect(both).toMatchObject({ unsteady: [other], seconds: 3, leftovers: ["sleep (pid 7)"] });
  expect(failureLines([both])[0]).toBe("FAILED tests/unit/x.test.ts: adds");

  const passed = ofBoth(
    file({ failures: [failure] }),
    file({ passed: 6, logFile: "dist/tests/again/x.log" }),
  );
  expect(isGood(totalsOf([passed], true))).toBe(true);
  expect(unsteadyLines([passed])).toEqual([
    "failed, passed when run again: tests/unit/x.test.ts: adds",
    "    1 is not 2",
    "      at x",
    "    (all it printed: dist/tests/x.log)",
  ]);
});
