import { describe, expect, test } from "bun:test";
import { type Cell, isPhysics, raceReport, wonShare } from "../../bench/tables/race-report.ts";

const won = { oomKills: 0, hung: false, isAtLimit: false };
const waited = { ...won, isAtLimit: true };
const lost = { oomKills: 1, hung: false, isAtLimit: true };
const hung = { oomKills: 0, hung: true, isAtLimit: true };
const cell = (limitMib: number, huge: boolean, runs: Cell["runs"]): Cell => ({
  limitMib,
  huge,
  isCacheFull: false,
  threads: 1,
  runs,
});
const names = { ours: "ours", floor: "floor", hold: "hold", nobody: "nobody" };
const goalsOf = (cells: Cell[], hold: string | null = "hold") =>
  raceReport(cells, { ...names, hold }, true).goals.map(({ reached }) => reached);

describe("a race", () => {
  test("is won when the kernel killed nobody and the leak ended", () => {
    expect(wonShare(cell(64, false, { ours: [won, lost, hung, won] }), "ours")).toBe(0.5);
  });

  test("is up to physics where two huge pages are more than the margin", () => {
    expect(isPhysics(cell(64, true, {}))).toBe(true);
    expect(isPhysics(cell(64, false, {}))).toBe(false);
    expect(isPhysics(cell(1000, true, {}))).toBe(false);
  });
});

describe("the table of the race", () => {
  const cells = [
    cell(16, true, { ours: [won, lost], floor: [lost], hold: [won, waited] }),
    cell(1000, true, { ours: [won, won], floor: [won], hold: [waited, waited] }),
  ];
  const { rows, notes } = raceReport(cells, names, true);

  test("marks where physics may win", () => {
    expect(rows.map(([limit]) => limit)).toEqual(["16M *", "1000M"]);
  });

  test("tells how many leaks were held at the limit", () => {
    expect(notes.join("\n")).toContain("hold won 4 of 4 (3 of them after the leak stood at the limit)");
  });

  test("has the sum of the places where physics may win", () => {
    expect(notes.join("\n")).toContain("1 cells. There: ours won 1 of 2 (0 of them");
  });
});

describe("the goals of the race", () => {
  test("are reached where oom-guard wins all", () => {
    expect(goalsOf([cell(1000, false, { ours: [won], floor: [lost], hold: [won] })])).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("a small limit may be lost, but not more often than by the floor", () => {
    expect(goalsOf([cell(16, false, { ours: [lost], floor: [lost], hold: [won] })])).toEqual([
      true,
      true,
      true,
    ]);
    expect(goalsOf([cell(16, false, { ours: [lost], floor: [won], hold: [won] })])[0]).toBe(false);
  });

  test("a large one may not", () => {
    expect(goalsOf([cell(8192, true, { ours: [won, lost], floor: [lost, lost], hold: [won] })])[1]).toBe(
      false,
    );
  });

  test("hold may lose nowhere, and is not judged where there is none", () => {
    const cells = [cell(16, true, { ours: [won], floor: [won], hold: [lost] })];
    expect(goalsOf(cells)[2]).toBe(false);
    expect(goalsOf(cells, null)[2]).toBeNull();
  });
});
