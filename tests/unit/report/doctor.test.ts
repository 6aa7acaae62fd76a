import { describe, expect, test } from "bun:test";
import type { Checked, Outcome } from "../../../src/doctor/check.ts";
import { doctorReport, renderDoctorJson } from "../../../src/report/doctor-json.ts";
import { renderCheck, renderDoctorSummary } from "../../../src/report/doctor-text.ts";

const plain = { color: false, unicode: true, idWidth: 9 };
const check = (outcome: Outcome, fix: string | null = null): Checked => ({
  id: "swap",
  outcome,
  detail: "512M of 2G free",
  fix,
});

test("a check is one line, aligned with the others", () => {
  expect(renderCheck(check("ok"), plain)).toBe("ok    swap       512M of 2G free\n");
  expect(renderCheck({ ...check("skip"), id: "self-test" }, plain)).toBe(
    "skip  self-test  512M of 2G free\n",
  );
});

test("what mends it is on the next line, below the detail", () => {
  expect(renderCheck(check("warn", "swapoff -a"), plain)).toBe(
    "warn  swap       512M of 2G free\n                 fix: swapoff -a\n",
  );
});

test.each<[Outcome, string]>([
  ["ok", "\x1b[32mok  \x1b[0m"],
  ["warn", "\x1b[33mwarn\x1b[0m"],
  ["fail", "\x1b[31mfail\x1b[0m"],
  ["skip", "\x1b[2mskip\x1b[0m"],
])("in colour, %s", (outcome, painted) => {
  expect(renderCheck(check(outcome, "do"), { ...plain, color: true })).toBe(
    `${painted}  swap       512M of 2G free\n                 \x1b[1mfix:\x1b[0m do\n`,
  );
});

test("a terminal without UTF-8 gets ASCII", () => {
  const line = renderCheck({ ...check("ok"), detail: "über" }, { ...plain, unicode: false });
  expect(line).toBe("ok    swap       \\xfcber\n");
});

describe("the last line counts:", () => {
  test.each<[Outcome[], string]>([
    [["ok", "ok"], "2 checks: 2 ok"],
    [["ok", "warn", "fail"], "3 checks: 1 ok, 1 warning, 1 failed"],
    [["warn", "warn", "skip"], "3 checks: 0 ok, 2 warnings, 1 skipped"],
    [["fail", "fail"], "2 checks: 0 ok, 2 failed"],
  ])("%j", (outcomes, line) => {
    expect(renderDoctorSummary(outcomes.map((outcome) => check(outcome)))).toBe(`${line}\n`);
  });
});

test.each<[Outcome[], boolean]>([
  [["ok", "warn", "skip"], true],
  [["ok", "fail", "ok"], false],
])("the report of %j: ok is %p", (outcomes, ok) => {
  expect(doctorReport(outcomes.map((outcome) => check(outcome))).ok).toBe(ok);
});

test("JSON has the fields of the contract in its order, on one line", () => {
  expect(renderDoctorJson([check("warn", "swapoff -a"), check("ok")])).toBe(
    '{"version":1,"ok":true,"checks":[' +
      '{"id":"swap","outcome":"warn","detail":"512M of 2G free","fix":"swapoff -a"},' +
      '{"id":"swap","outcome":"ok","detail":"512M of 2G free","fix":null}]}\n',
  );
});
