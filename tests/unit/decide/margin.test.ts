import { describe, expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { cacheFloorBytes, marginBytes, thresholdBytes } from "../../../src/decide/margin.ts";

const K = 2 ** 10;
const M = 2 ** 20;
const G = 2 ** 30;

describe("with the defaults", () => {
  test.each([
    ["1000M keeps 2 %", 1000 * M, 20 * M, 980 * M],
    ["10M keeps the smallest margin", 10 * M, 1 * M, 9 * M],
    ["10G keeps the largest margin", 10 * G, 50 * M, 10 * G - 50 * M],
    ["50M is where the smallest margin ends", 50 * M, 1 * M, 49 * M],
    ["2500M is where the largest margin begins", 2500 * M, 50 * M, 2450 * M],
    ["2M is cut to half", 2 * M, 1 * M, 1 * M],
    ["1M is cut to half", 1 * M, 512 * K, 512 * K],
    ["one page is cut to half", 4096, 2048, 2048],
    ["an odd byte stays usable", 3, 1, 2],
    ["nothing has no margin", 0, 0, 0],
  ])("a limit of %s", (_, limit, margin, threshold) => {
    expect(marginBytes(limit, defaults)).toBe(margin);
    expect(thresholdBytes(limit, defaults)).toBe(threshold);
  });
});

test("a ratio above one half is cut to half the limit", () => {
  const settings = { marginRatio: 0.9, minMarginBytes: M, maxMarginBytes: 100 * G };
  expect(marginBytes(100 * M, settings)).toBe(50 * M);
});

test.each([
  ["the cgroup's own margin by default", 1000 * M, defaults, 20 * M],
  ["the margin as cut for a tiny limit", 1 * M, defaults, 512 * K],
  ["a size where one is set", 1000 * M, { ...defaults, cacheFloor: 64 * M }, 64 * M],
])("the cache floor is %s", (_, limit, settings, floor) => {
  expect(cacheFloorBytes(limit, settings)).toBe(floor);
});
