import { describe, expect, test } from "bun:test";
import { parseSize, writeSize } from "../../../src/config/size.ts";

describe("parseSize reads", () => {
  test.each([
    ["a number as bytes", 4096, 4096],
    ["digits as bytes", "4096", 4096],
    ["zero", "0", 0],
    ["K as 2^10", "512K", 524_288],
    ["M as 2^20", "50M", 52_428_800],
    ["G as 2^30", "1G", 1_073_741_824],
    ["T as 2^40", "2T", 2_199_023_255_552],
    ["the largest size there is", 2 ** 53 - 1, 2 ** 53 - 1],
  ])("%s", (_, input, bytes) => {
    expect(parseSize(input)).toEqual({ ok: true, value: bytes });
  });
});

describe("parseSize refuses", () => {
  test.each([
    ["an unknown unit", "12Q", "must be bytes or a size like"],
    ["nothing", "", "must be bytes or a size like"],
    ["a unit alone", "M", "must be bytes or a size like"],
    ["a space before the unit", "1 M", "must be bytes or a size like"],
    ["a leading space", " 1M", "must be bytes or a size like"],
    ["a trailing line break", "1M\n", "must be bytes or a size like"],
    ["Kubernetes' Mi", "50Mi", "must be bytes or a size like"],
    ["MB", "50MB", "must be bytes or a size like"],
    ["hexadecimal", "0x10", "must be bytes or a size like"],
    ["an exponent", "1e6", "must be bytes or a size like"],
    ["a lower-case unit, a thousandth in Kubernetes", "50m", "must have an upper-case unit"],
    ["a fraction of a unit", "1.5M", "must be a whole number"],
    ["a fraction of a byte", 0.5, "must be a whole number"],
    ["a negative number", -1, "must not be negative"],
    ["a negative size", "-1M", "must not be negative"],
    ["what does not fit a number", "8192T", "must be below 8192T"],
    ["a number with 400 digits", "9".repeat(400), "must be below 8192T"],
    ["infinity", Number.POSITIVE_INFINITY, "must be below 8192T"],
    ["not a number", Number.NaN, "must be bytes or a size like"],
  ])("%s", (_, input, message) => {
    expect(parseSize(input)).toEqual({ ok: false, message: expect.stringContaining(message) });
  });
});

test.each([
  [52_428_800, "50M"],
  [1_572_864, "1536K"],
  [4097, "4097"],
  [2 ** 40, "1T"],
  [0, "0"],
])("writeSize writes %d exactly, as parseSize reads it: %s", (bytes, text) => {
  expect(writeSize(bytes)).toBe(text);
  expect(parseSize(text)).toEqual({ ok: true, value: bytes });
});
