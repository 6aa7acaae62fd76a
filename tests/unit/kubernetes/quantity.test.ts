import { describe, expect, test } from "bun:test";
import { parseQuantity } from "../../../src/kubernetes/quantity.ts";

test.each([
  ["0", 0],
  ["128974848", 128974848],
  ["+1", 1],
  ["1Ki", 1024],
  ["123Mi", 123 * 2 ** 20],
  ["1Gi", 2 ** 30],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["1Ti", 2 ** 40],
  ["1Pi", 2 ** 50],
  ["1Ei", 2 ** 60],
  ["1k", 1000],
  ["500M", 500e6],
  ["2G", 2e9],
  ["1T", 1e12],
  ["1P", 1e15],
  ["1E", 1e18],
  ["1e9", 1e9],
  ["1E3", 1000],
  ["129e6", 129e6],
  ["1e+3", 1000],
  ["1500e-3", 2],
  ["100m", 1],
  ["1000m", 1],
  ["1001m", 2],
  ["128974848000m", 128974848],
  ["1u", 1],
  ["1n", 1],
  ["0n", 0],
  ["1.", 1],
  [".5Ki", 512],
  // Floating point says 1181116006.4000001 and the like for some of these.
  ["1.1Gi", 1181116007],
  ["0.1Ki", 103],
  ["9223372036854775807", 2 ** 63],
  ["100Ei", 2 ** 63],
  ["1e999", 2 ** 63],
])("%s is %d bytes", (text, bytes) => {
  expect(parseQuantity(text)).toBe(bytes);
});

describe("not a quantity of memory:", () => {
  test.each([
    "",
    " 1",
    "1 Gi",
    "Gi",
    ".",
    "+",
    "-1",
    "-1Gi",
    "1gi",
    "1K",
    "1GI",
    "1GiB",
    "1e",
    "1e1000",
    "1eG",
    "1e3Ki",
    "0x10",
    "1_000",
    "1,5Gi",
    "1.2.3",
    "NaN",
    "Infinity",
    "1\n",
    "١",
    "1".repeat(65),
  ])("%j", (text) => {
    expect(parseQuantity(text)).toBeNull();
  });
});
