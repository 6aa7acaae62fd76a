import { describe, expect, test } from "bun:test";
import {
  isTimeToReclaim,
  nextCooldownMs,
  type ReclaimFacts,
  reclaimBudgetMs,
  shouldReclaim,
} from "../../../src/decide/reclaim.ts";

const M = 2 ** 20;
const facts: ReclaimFacts = {
  mode: "auto",
  fileBytes: 20 * M,
  marginBytes: 20 * M,
  swappableBytes: 0,
};

describe("page cache is dropped", () => {
  test.each([
    ["where a margin's worth is to be had", {}, true],
    ["not for less than that", { fileBytes: 20 * M - 1 }, false],
    ["for any cache in mode always", { mode: "always", fileBytes: 1 }, true],
    ["not where there is none", { mode: "always", fileBytes: 0 }, false],
    ["never in mode never", { mode: "never" }, false],
    ["never where anonymous memory would go to swap", { swappableBytes: 1 }, false],
    ["not even in mode always then", { mode: "always", swappableBytes: 1 }, false],
  ] as const)("%s", (_, changes, expected) => {
    expect(shouldReclaim({ ...facts, ...changes })).toBe(expected);
  });
});

describe("a cgroup is looked at for that", () => {
  test.each([
    ["the first time", "auto", Number.NaN, true],
    ["not within the cooldown", "auto", 90_001, false],
    ["again when it is over", "auto", 90_000, true],
    ["in mode always too", "always", 90_000, true],
    ["never in mode never", "never", Number.NaN, false],
  ] as const)("%s", (_, mode, lastMs, expected) => {
    expect(isTimeToReclaim(mode, lastMs, 10_000, 100_000)).toBe(expected);
  });
});

test.each([
  ["nothing", 0, 200],
  ["a gigabyte", 1024 * M, 1224],
])("the time for %s", (_, bytes, ms) => {
  expect(reclaimBudgetMs(bytes)).toBe(ms);
});

describe("the pause after a reclaim", () => {
  const configured = 10_000;
  test.each([
    ["is the configured one the first time", configured, Number.NaN, 0, 10_000],
    ["doubles where the cgroup was soon full again", configured, 0, 10_000, 20_000],
    ["doubles on", 20_000, 0, 25_000, 40_000],
    ["ends at ten minutes", 400_000, 0, 400_001, 600_000],
    ["starts over after three pauses of peace", 40_000, 0, 120_001, 10_000],
    ["does not yet after less", 40_000, 0, 120_000, 80_000],
  ])("%s", (_, cooldown, lastMs, nowMs, next) => {
    expect(nextCooldownMs(cooldown, lastMs, nowMs, configured)).toBe(next);
  });

  test("is never below a configured one above ten minutes", () => {
    expect(nextCooldownMs(900_000, 0, 900_000, 900_000)).toBe(900_000);
  });
});
