import { describe, expect, test } from "bun:test";
import { axisOf } from "../../bench/report/axis.ts";

describe("a linear axis", () => {
  test("goes from zero to beyond the largest, in round steps", () => {
    const { ticks, place } = axisOf([3, 87], "linear");
    expect(ticks).toEqual([0, 20, 40, 60, 80, 100]);
    expect(place(0)).toBe(0);
    expect(place(50)).toBe(0.5);
    expect(place(100)).toBe(1);
  });

  test("has room for less than zero", () => {
    const { ticks, place } = axisOf([-5, 10], "linear");
    expect(ticks[0]).toBeLessThanOrEqual(-5);
    expect(place(-5)).toBeGreaterThanOrEqual(0);
  });

  test("stands where there is nothing to show", () => {
    expect(axisOf([Number.NaN], "linear").place(0)).toBe(0);
    expect(axisOf([0], "linear").place(0)).toBe(0);
  });
});

describe("a logarithmic axis", () => {
  test("has the decades that hold the values", () => {
    const { ticks, place } = axisOf([0.2, 30], "log");
    expect(ticks).toEqual([0.1, 1, 10, 100]);
    expect(place(0.1)).toBeCloseTo(0);
    expect(place(100)).toBeCloseTo(1);
  });

  test("puts what has no logarithm at its beginning", () => {
    const { place } = axisOf([0, 5], "log");
    expect(place(0)).toBe(0);
    expect(place(-3)).toBe(0);
  });
});
