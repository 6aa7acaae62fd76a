import { describe, expect, test } from "bun:test";
import { slackBytes } from "../../../src/decide/slack.ts";
import { swappableBytes } from "../../../src/decide/swap.ts";

const M = 2 ** 20;

describe("pre-charges", () => {
  test.each([
    ["are what usage has more than the statistics", 100 * M, 99.75 * M, 0.5 * M, 0.25 * M],
    ["are never more than the CPUs may hold: the statistics lag too", 100 * M, 90 * M, 0.5 * M, 0.5 * M],
    ["are none where the statistics are ahead", 100 * M, 101 * M, 0.5 * M, 0],
    ["are none where nothing is known", 100 * M, Number.NaN, 0.5 * M, 0],
  ])("%s", (_, usage, accounted, max, slack) => {
    expect(slackBytes(usage, accounted, max)).toBe(slack);
  });
});

describe("anonymous memory that could still be swapped out is", () => {
  const facts = {
    freeSwapBytes: 512 * M,
    roomBytes: Number.POSITIVE_INFINITY,
    swappiness: 60,
    anonLruBytes: 900 * M,
  };
  test.each([
    ["as much as there is free swap", {}, 512 * M],
    ["no more than there is anonymous memory", { anonLruBytes: 10 * M }, 10 * M],
    ["no more than the memory+swap limit leaves", { roomBytes: 20 * M }, 20 * M],
    ["none without swap", { freeSwapBytes: 0 }, 0],
    ["none where the cgroup must not swap", { swappiness: 0 }, 0],
    ["none where the memory+swap limit is used up, or exceeded", { roomBytes: -5 * M }, 0],
  ])("%s", (_, changes, bytes) => {
    expect(swappableBytes({ ...facts, ...changes })).toBe(bytes);
  });
});
