import { expect, test } from "bun:test";
import { type SkipReason, skipReason } from "../../../src/decide/skip.ts";
import type { Phase } from "../../../src/decide/step.ts";

const bounds = { cacheFloorBytes: 20 };

test.each<[string, Phase, number, boolean, SkipReason | null]>([
  ["below the threshold", "calm", 0, false, null],
  ["somebody is to be killed", "striking", 0, false, null],
  ["per-CPU pre-charges", "slack", 0, false, "slack"],
  ["file cache to reclaim", "cache", 20, false, "cache"],
  ["less of that than the floor, so it is swap", "cache", 19, false, "swap"],
  ["a kill is under way", "blocked", 0, false, "blocked"],
  ["the kernel is about to kill", "blocked", 0, true, "kernel"],
  ["the policy kills nobody", "noted", 0, false, "noop"],
])("why nobody is killed: %s", (_, phase, fileBytes, yieldsToKernel, expected) => {
  expect(skipReason(phase, { fileBytes }, bounds, yieldsToKernel)).toBe(expected);
});
