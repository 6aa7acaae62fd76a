import { describe, expect, test } from "bun:test";
import { fitLine, median, pairedDifferences, percentile, ratioAt, worst } from "../../bench/statistics.ts";

describe("a percentile", () => {
  test("is one of the values, whatever their order", () => {
    expect(percentile([5, 1, 4, 2, 3], 0.5)).toBe(3);
    expect(percentile([4, 1, 3, 2], 0.5)).toBe(2);
  });

  test("of 99 leaves one in a hundred above it", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(worst(hundred)).toBe(100);
  });

  test("of few values is the worst one", () => {
    expect(percentile([1, 2, 3], 0.99)).toBe(3);
  });

  test("of nothing is none", () => {
    expect(median([])).toBeNaN();
    expect(worst([])).toBeNaN();
  });

  test("leaves the series as it was", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("beside a reference", () => {
  test("a ratio compares the same percentile of both", () => {
    expect(ratioAt(0.5, [2, 4, 600], [1, 2, 3])).toBe(2);
    expect(ratioAt(1, [2, 4, 600], [1, 2, 3])).toBe(200);
  });

  test("a ratio to nothing is none", () => {
    expect(ratioAt(0.5, [1], [])).toBeNaN();
  });

  test("differences are between what was measured together", () => {
    expect(pairedDifferences([10, 30], [1, 20])).toEqual([9, 10]);
  });
});

describe("a line through points", () => {
  test("has their slope, and says that it explains all", () => {
    const line = fitLine([
      [0, 5],
      [10, 25],
      [20, 45],
    ]);
    expect(line).toEqual({ slope: 2, intercept: 5, rSquared: 1 });
  });

  test("says how much it does not explain", () => {
    const { rSquared } = fitLine([
      [0, 0],
      [1, 10],
      [2, 0],
      [3, 10],
    ]);
    expect(rSquared).toBeCloseTo(0.2);
  });

  test("is flat where nothing changes", () => {
    expect(
      fitLine([
        [0, 7],
        [1, 7],
      ]),
    ).toEqual({ slope: 0, intercept: 7, rSquared: 1 });
  });
});
