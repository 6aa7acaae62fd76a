import { describe, expect, test } from "bun:test";
import { parseDuration } from "../../../src/config/duration.ts";

describe("parseDuration reads", () => {
  test.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["10s", 10_000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["0s", 0],
  ])("%s as %d ms", (input, milliseconds) => {
    expect(parseDuration(input)).toEqual({ ok: true, value: milliseconds });
  });
});

describe("parseDuration refuses", () => {
  test.each([
    ["a number: seconds or milliseconds?", 30, "must have a unit"],
    ["digits without a unit", "30", "must have a unit"],
    ["nothing", "", "must be a time like"],
    ["an unknown unit", "3d", "must be a time like"],
    ["an upper-case unit", "30S", "must be a time like"],
    ["a sum", "1m30s", "must be a time like"],
    ["a space", "30 s", "must be a time like"],
    ["a trailing line break", "30s\n", "must be a time like"],
    ["a fraction", "1.5s", "must be a whole number"],
    ["a negative time", "-1s", "must not be negative"],
    ["an overflow", "9".repeat(30).concat("h"), "must be a time a machine can live to see"],
  ])("%s", (_, input, message) => {
    expect(parseDuration(input)).toEqual({ ok: false, message: expect.stringContaining(message) });
  });
});
