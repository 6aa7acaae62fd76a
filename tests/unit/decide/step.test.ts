import { describe, expect, test } from "bun:test";
import { calmPace } from "../../../src/decide/pace.ts";
import type { Reading } from "../../../src/decide/reading.ts";
import {
  type Bounds,
  belowThreshold,
  calm,
  lookOnce,
  type Phase,
  step,
  usageSuffices,
  type WatchState,
} from "../../../src/decide/step.ts";

const M = 2 ** 20;
// The design's example: limit 1000M, margin 20M, threshold 980M.
const bounds: Bounds = { thresholdBytes: 980 * M, marginBytes: 20 * M, cacheFloorBytes: 20 * M };

function reading(
  usage: number,
  changes: Partial<Record<"slack" | "file" | "swappable", number>> = {},
): Reading {
  const { slack = 0, file = 0, swappable = 0 } = changes;
  return {
    usageBytes: usage * M,
    slackBytes: slack * M,
    fileBytes: file * M,
    inactiveFileBytes: 0,
    swappableBytes: swappable * M,
    anonBytes: (usage - file) * M,
    residentBytes: (usage - slack) * M,
  };
}

const inPhase = (phase: Phase): WatchState => ({ phase, pace: calmPace });
const look = (
  state: WatchState,
  found: Reading,
  policy: "container" | "process" | "noop" = "container",
  blocked = false,
  bytesPerMs = 0,
) => step(state, found, bounds, policy, { ...lookOnce, nowMs: 1000, blocked, bytesPerMs });

describe("from calm", () => {
  test.each([
    ["below the threshold: nothing", reading(979), "calm", "none"],
    ["at the threshold with nothing to reclaim: kill", reading(980), "striking", "kill"],
    ["above it: kill", reading(999), "striking", "kill"],
    ["cache up to the floor: the kernel can still help itself", reading(985, { file: 20 }), "cache", "none"],
    ["cache just below the floor: kill", reading(985, { file: 19.9 }), "striking", "kill"],
    ["anonymous memory that can be swapped counts as well", reading(985, { swappable: 20 }), "cache", "none"],
    ["both together reach the floor", reading(985, { file: 10, swappable: 10 }), "cache", "none"],
    ["above it by pre-charges only: look again", reading(981, { slack: 2 }), "slack", "none"],
    ["above it even without pre-charges: kill", reading(984, { slack: 2 }), "striking", "kill"],
    [
      "pre-charges above an eighth of a margin are not waited for",
      reading(983, { slack: 40 }),
      "striking",
      "kill",
    ],
    ["an eighth of a margin of them is", reading(982, { slack: 40 }), "slack", "none"],
    ["at the limit itself: kill", reading(1000), "striking", "kill"],
  ] as const)("%s", (_, found, phase, action) => {
    expect(look(calm, found)).toMatchObject({ state: { phase }, action });
  });

  test.each([
    ["growth that covers the pre-charges within 10 ms is no reason to wait", 0.2 * M, "kill"],
    ["slower growth is", 0.19 * M, "none"],
    ["trouble reclaiming is not", Number.POSITIVE_INFINITY, "kill"],
  ] as const)("%s", (_, bytesPerMs, action) => {
    expect(look(calm, reading(981, { slack: 2 }), "container", false, bytesPerMs).action).toBe(action);
  });

  test.each(["container", "process"] as const)("policy %s kills", (policy) => {
    expect(look(calm, reading(990), policy).action).toBe("kill");
  });
});

describe("while a kill in the subtree is under way", () => {
  test("nobody else is killed, and its end brings the next look", () => {
    expect(look(calm, reading(990), "container", true)).toMatchObject({
      state: { phase: "blocked" },
      action: "none",
      pollMs: -1,
    });
  });

  test("the kill comes at the next look after it, if it is still needed", () => {
    expect(look(inPhase("blocked"), reading(990)).action).toBe("kill");
    expect(look(inPhase("blocked"), reading(500)).state.phase).toBe("calm");
  });

  test("noop may note all the same", () => {
    expect(look(calm, reading(990), "noop", true).action).toBe("note");
  });
});

test.each(["calm", "slack", "cache", "blocked", "noted", "striking"] as const)(
  "over the threshold, the guard kills from phase %s",
  (phase) => {
    expect(look(inPhase(phase), reading(990)).action).toBe("kill");
  },
);

describe("policy noop", () => {
  test("notes once", () => {
    const first = look(calm, reading(990), "noop");
    expect(first).toMatchObject({ state: { phase: "noted" }, action: "note", pollMs: -1 });
    expect(look(first.state, reading(995), "noop")).toMatchObject({
      state: { phase: "noted" },
      action: "none",
    });
  });

  test.each([
    ["not again while usage dances around the threshold", 979, "noted", "none"],
    ["not again down to a margin below it", 960, "noted", "none"],
    ["again after usage fell further", 959.9, "calm", "note"],
  ] as const)("%s", (_, lowest, phase, action) => {
    const after = look(inPhase("noted"), reading(lowest), "noop");
    expect(after).toMatchObject({ state: { phase }, action: "none" });
    expect(look(after.state, reading(990), "noop").action).toBe(action);
  });

  test("says nothing where the kernel can still reclaim", () => {
    expect(look(calm, reading(990, { file: 30 }), "noop")).toMatchObject({
      state: { phase: "cache" },
      action: "none",
    });
  });
});

describe("above the threshold because of cache", () => {
  test("is polled, because no second notification comes", () => {
    const { pollMs } = look(calm, reading(985, { file: 200 }));
    expect(pollMs).toBeGreaterThan(0);
    expect(pollMs).toBeLessThanOrEqual(100);
  });

  test("and asks for the kernel's reports of reclaim once nothing moves", () => {
    let state: WatchState = calm;
    const asked: boolean[] = [];
    for (let i = 0; i < 10; i++) {
      const verdict = step(state, reading(985, { file: 200 }), bounds, "container", {
        ...lookOnce,
        nowMs: i * 100,
      });
      state = verdict.state;
      asked.push(verdict.listenToReclaim);
    }
    expect(asked.slice(0, 7)).toEqual(Array(7).fill(false));
    expect(asked.slice(7)).toEqual([true, true, true]);
  });

  test("is killed when a leak has eaten the cache", () => {
    const before = look(calm, reading(985, { file: 200 }));
    expect(look(before.state, reading(985, { file: 19 })).action).toBe("kill");
  });

  test("does not pause for a second while pre-charges are the reason: no report of the kernel's would end that", () => {
    let state: WatchState = calm;
    let pollMs = 0;
    for (let nowMs = 0; nowMs < 5_000; nowMs += pollMs) {
      const verdict = step(state, reading(981, { slack: 2 }), bounds, "container", { ...lookOnce, nowMs });
      expect(verdict.pollMs).toBeLessThanOrEqual(100);
      ({ state, pollMs } = verdict);
    }
    expect(state).toMatchObject({ phase: "slack", pace: { quiet: true } });
  });

  test("is that of what memory.stat counts: pre-charges that come and go are no growth", () => {
    const { state } = look(calm, reading(990, { slack: 8, file: 500 }));
    const next = step(state, reading(998, { slack: 16, file: 500 }), bounds, "container", {
      ...lookOnce,
      nowMs: 1010,
    });
    expect(next.state.pace.bytesPerMs).toBe(0);
    const grown = step(state, reading(998, { slack: 8, file: 500 }), bounds, "container", {
      ...lookOnce,
      nowMs: 1010,
    });
    expect(grown.state.pace.bytesPerMs).toBe((8 * M) / 10);
  });

  test("starts a new pace when pre-charges become the reason", () => {
    const cache = look(calm, reading(985, { file: 200 })).state;
    const slack = look(cache, reading(981, { slack: 2 })).state;
    expect(slack).toMatchObject({ phase: "slack", pace: { bytesPerMs: 0 } });
  });
});

describe("held at the threshold by the kernel (memory.high)", () => {
  const held = (state: WatchState, found: Reading) =>
    step(state, found, bounds, "container", { ...lookOnce, nowMs: 1000, held: true });

  test.each([
    [
      "usage a little below the threshold, full of cache: the cache is what hovers",
      reading(979.9, { file: 200 }),
      "cache",
    ],
    ["down to a margin below it", reading(960, { file: 200 }), "cache"],
    ["below that it has left", reading(959, { file: 200 }), "calm"],
    ["without cache, below the threshold: nothing to do", reading(979.9, { file: 10 }), "calm"],
  ] as const)("%s", (_, found, phase) => {
    expect(held(calm, found)).toMatchObject({ state: { phase }, action: "none" });
    expect(usageSuffices(calm, bounds, found.usageBytes, true)).toBe(found.usageBytes < 960 * M);
  });

  test("nobody is killed below the threshold for all that", () => {
    expect(held(calm, reading(979.9)).action).toBe("none");
    expect(held(calm, reading(980)).action).toBe("kill");
  });
});

test("pre-charges alone are polled too, but not reported by reclaim", () => {
  const verdict = look(calm, reading(981, { slack: 2 }));
  expect(verdict.pollMs).toBeGreaterThan(0);
  expect(verdict.listenToReclaim).toBe(false);
});

describe("usage alone suffices", () => {
  test.each([
    ["below the threshold", calm, 979, true],
    ["not at it", calm, 980, false],
    ["not where a note waits for its end", inPhase("noted"), 100, false],
    ["after anything else", inPhase("cache"), 979, true],
  ])("%s", (_, state, usage, expected) => {
    expect(usageSuffices(state, bounds, usage * M, false)).toBe(expected);
  });

  test("and gives the verdict of a whole look", () => {
    for (const phase of ["calm", "slack", "cache", "blocked", "striking"] as const) {
      expect(look(inPhase(phase), reading(900))).toEqual(belowThreshold());
    }
  });
});
