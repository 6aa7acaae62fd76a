import { describe, expect, test } from "bun:test";
import { exactSize, humanMicros, humanSize } from "../../../src/report/size.ts";
import { G, M } from "../record/incidents.ts";

const K = 1024;

describe("humanSize", () => {
  test.each([
    [0, "0"],
    [1, "1B"],
    [1023, "1023B"],
    [1024, "1K"],
    [512 * K, "512K"],
    [M - 1, "1023K"],
    [M, "1M"],
    [980 * M, "980M"],
    [980 * M - 1, "979M"],
    [999.96 * M, "999M"],
    [1000 * M, "1000M"],
    [G - 1, "1023M"],
    [1.2 * G, "1.2G"],
    [1.25 * G, "1.25G"],
    [9.999 * G, "9.99G"],
    [12.34 * G, "12.3G"],
    [99.99 * G, "99.9G"],
    [100.9 * G, "100G"],
    [2 ** 40, "1T"],
    [2 ** 63 - 4096, "7.99E"],
    [-18.75 * M, "-18.7M"],
    [-0.5, "0"],
    [Number.NaN, "?"],
    [Number.POSITIVE_INFINITY, "?"],
  ])("%d bytes read %s", (bytes, expected) => expect(humanSize(bytes)).toBe(expected));

  test("never more than four characters and the unit, never more than there is, never out of order", () => {
    let last = 0;
    for (let bytes = 1; bytes < 2 ** 62; bytes = Math.ceil(bytes * 1.003)) {
      const text = humanSize(bytes);
      expect(text).toMatch(/^[\d.]{1,4}[BKMGTPE]$/);
      const shown = Number.parseFloat(text) * 1024 ** "BKMGTPE".indexOf(text.at(-1) ?? "");
      expect(shown).toBeLessThanOrEqual(bytes * (1 + Number.EPSILON));
      expect(shown).toBeGreaterThanOrEqual(last);
      last = shown;
    }
  });
});

describe("exactSize", () => {
  test.each([
    [981.25 * M, "981.2M"],
    [1000 * M, "1000M"],
    [980 * M - 1, "979.9M"],
    [0.375 * M, "0.3M"],
    [64 * K, "64K"],
    [10 * G - 50 * M, "9.951G"],
    [10 * G, "10G"],
    [0, "0"],
  ])("%d bytes read %s", (bytes, expected) => expect(exactSize(bytes)).toBe(expected));
});

describe("times", () => {
  test.each([
    [0, "0 us"],
    [210, "210 us"],
    [999.9, "999 us"],
    [3_450, "3.4 ms"],
    [250_900, "250 ms"],
    [1_250_000, "1.2 s"],
    [Number.NaN, "?"],
  ])("%d us read %s", (micros, expected) => expect(humanMicros(micros)).toBe(expected));
});
