import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markdownTable } from "../../bench/report/markdown.ts";
import { type Measured, ReportFolder } from "../../bench/report/store.ts";
import { svgOf } from "../../bench/report/svg.ts";
import { atMost, type Plot } from "../../bench/result.ts";

const plot: Plot = {
  title: "a < b",
  axis: "ms",
  scale: "linear",
  rows: [{ label: "row & more", marks: [{ series: "ours", middle: 1, worst: 4 }] }],
  line: { at: 2, label: "goal" },
};

const measured = (title: string): Measured => ({
  machine: {
    time: "2026-01-02T03:04:05.000Z",
    kernel: "6.1",
    cpus: 2,
    cpuModel: "Some CPU",
    memoryBytes: 2 ** 30,
    load: 0.5,
    version: "0.1.0",
    executable: "abc",
  },
  seconds: 3,
  isQuick: false,
  table: {
    title,
    notes: ["How."],
    headings: ["what"],
    rows: [["one"]],
    goals: [atMost(`goal of ${title}`, 3, 2, " ms")],
    plot,
    raw: [1, 2, 3],
  },
});

describe("a goal", () => {
  test("is reached up to its limit, and not beyond", () => {
    expect(atMost("x", 2, 2, "M")).toMatchObject({ reached: true, goal: "at most 2M", measured: "2.00M" });
    expect(atMost("x", 2.01, 2, "M").reached).toBe(false);
  });

  test("that was not measured is neither", () => {
    expect(atMost("x", Number.NaN, 2, "M")).toMatchObject({ reached: null, measured: "not measured" });
  });
});

test("a table lines up, and a cell cannot break it", () => {
  expect(markdownTable(["a", "long one"], [["x|y", "1"]])).toBe(
    "| a    | long one |\n|------|----------|\n| x\\|y | 1        |",
  );
});

describe("a plot", () => {
  test("shows the middle, the worst case and the goal", () => {
    const svg = svgOf(plot);
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(svg).toContain(">goal<");
    expect(svg).toContain(">4<");
  });

  test("has names as text, whatever is in them", () => {
    expect(svgOf(plot)).toContain("row &amp; more");
    expect(svgOf(plot)).toContain("a &lt; b");
  });

  test("leaves out what was not measured", () => {
    const empty = { ...plot, rows: [{ label: "x", marks: [{ series: "ours", middle: Number.NaN }] }] };
    expect(svgOf(empty)).not.toContain("NaN");
  });
});

describe("the folder of reports", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "oom-guard-unit-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const written = (name: string) => readFileSync(join(folder, name), "utf8");

  test("has every measurement, a table and a plot", () => {
    new ReportFolder(folder, ["first"]).add("first", measured("First"));
    expect(JSON.parse(written("bench.json")).tables.first.table.raw).toEqual([1, 2, 3]);
    expect(written("bench.md")).toContain("## First");
    expect(written("bench.md")).toContain("2 x Some CPU, 1.0G, Linux 6.1");
    expect(written("bench/first.svg")).toContain("</svg>");
  });

  test("keeps what another run has measured, in the order of the tables", () => {
    const order = ["first", "second"];
    new ReportFolder(folder, order).add("second", measured("Second"));
    new ReportFolder(folder, order).add("first", measured("First"));
    const text = written("bench.md");
    expect(text.indexOf("## First")).toBeGreaterThan(0);
    expect(text.indexOf("## Second")).toBeGreaterThan(text.indexOf("## First"));
    expect(text).toContain("goal of First");
    expect(text).toContain("goal of Second");
  });
});
