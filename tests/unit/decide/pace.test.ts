import { describe, expect, test } from "bun:test";
import { calmPace, type Pace, pace, sharedPollMs, stirred, togetherMs } from "../../../src/decide/pace.ts";

const M = 2 ** 20;

/** Looks as often as the pace asks for. @param fixedAt memory that cannot be reclaimed @param endBytes where the guard must act */
function follow(fixedAt: (nowMs: number) => number, endBytes: number, untilMs: number) {
  let state = calmPace;
  let nowMs = 0;
  let looks = 0;
  while (nowMs <= untilMs) {
    const fixed = fixedAt(nowMs);
    if (fixed >= endBytes) break;
    state = pace(state, fixed, endBytes - fixed, nowMs);
    looks++;
    nowMs += state.pollMs;
  }
  return { state, nowMs, looks };
}

describe("the next look comes", () => {
  test.each([
    ["sooner the less is left: 160M in 10 ms", 160 * M, 10],
    ["93M in 6 ms, which is a quarter of one later at most", 93 * M, 6],
    ["91M in 5", 91 * M, 5],
    ["16M in a millisecond", 16 * M, 1],
    ["27M too: not in two", 27 * M, 1],
    ["nothing left, in a millisecond, never in less", 0, 1],
    ["a lot left, in a tenth of a second, never in more", 100_000 * M, 100],
  ])("%s", (_, distance, pollMs) => {
    expect(pace(calmPace, 0, distance, 0).pollMs).toBe(pollMs);
  });

  test("sooner after fast growth than the assumed 8 GB/s ask for", () => {
    const first = pace(calmPace, 0, 1600 * M, 0);
    // 20 GB/s
    const second = pace(first, 200 * M, 1600 * M, 10);
    expect(second.bytesPerMs).toBe(20 * M);
    expect(second.pollMs).toBe(20);
    expect(first.pollMs).toBe(100);
  });
});

describe("growth", () => {
  test("is none at the first look, whatever is there", () => {
    expect(pace(calmPace, 1000 * M, M, 5).bytesPerMs).toBe(0);
  });

  test("is remembered, and halves at each look that sees less", () => {
    let state: Pace = { ...calmPace, atMs: 0, fixedBytes: 0 };
    state = pace(state, 64 * M, 1000 * M, 1);
    expect(state.bytesPerMs).toBe(64 * M);
    state = pace(state, 64 * M, 1000 * M, 2);
    expect(state.bytesPerMs).toBe(32 * M);
  });

  test("is not negative when memory shrinks", () => {
    expect(pace({ ...calmPace, atMs: 0, fixedBytes: 100 * M }, 50 * M, M, 10).bytesPerMs).toBe(0);
  });

  test("is not measured over less than half a millisecond, in which one batch of pages is counted or none", () => {
    const known: Pace = { ...calmPace, atMs: 10, fixedBytes: 0, bytesPerMs: 2 * M };
    expect(pace(known, 0, 100 * M, 10.4)).toMatchObject({ atMs: 10, fixedBytes: 0, bytesPerMs: 2 * M });
    expect(pace(known, M, 100 * M, 10.4).bytesPerMs).toBe(2 * M);
    expect(pace(known, 3 * M, 100 * M, 10.5)).toMatchObject({ atMs: 10.5, bytesPerMs: 6 * M });
  });

  test("within one instant is no division by zero", () => {
    const state = pace({ ...calmPace, atMs: 10, fixedBytes: 0 }, M, 100 * M, 10);
    expect(Number.isFinite(state.bytesPerMs)).toBe(true);
    expect(state.pollMs).toBeGreaterThanOrEqual(1);
  });
});

describe("a cgroup full of cache", () => {
  test("in which nothing grows costs next to nothing: one look a second after the first eight", () => {
    const { state, looks } = follow(() => 0, 200 * M, 60_000);
    expect(state).toMatchObject({ quiet: true, pollMs: 1000 });
    expect(looks).toBeLessThan(70);
  });

  test("in which something grows by a page now and then is quiet too", () => {
    expect(follow((now) => Math.floor(now / 100) * 4096, 200 * M, 10_000).state.quiet).toBe(true);
  });

  test.each([
    ["10 MB/s", 10 * M, 100],
    ["100 MB/s", 100 * M, 20],
    ["2 GB/s", 2048 * M, 20],
    ["8 GB/s, from the first look on", 8192 * M, 40],
  ])("a leak of %s is caught close to the line", (_, perSecond, allowedMB) => {
    const end = 1000 * M;
    const { nowMs } = follow((now) => (perSecond * now) / 1000, end, 1_000_000);
    const overshoot = (perSecond * nowMs) / 1000 - end;
    expect(overshoot).toBeGreaterThanOrEqual(0);
    expect(overshoot / M).toBeLessThan(allowedMB);
  });

  test("that was quiet is followed closely again as soon as it grows", () => {
    const quiet = follow(() => 0, 200 * M, 20_000).state;
    expect(quiet.quiet).toBe(true);
    const awake = pace(quiet, 50 * M, 150 * M, quiet.atMs + 100);
    expect(awake).toMatchObject({ quiet: false, quietLooks: 0 });
    expect(awake.pollMs).toBeLessThan(10);
  });
});

test("reclaim in a quiet cgroup is looked at closely for a while again", () => {
  let now = calmPace;
  for (let i = 0; i < 8; i++) now = pace(now, 0, 100 * 2 ** 20, i * 100);
  expect(now.quiet).toBe(true);
  const looks = [];
  now = stirred(now);
  for (let i = 8; i < 16; i++) {
    now = pace(now, 0, 100 * 2 ** 20, i * 100);
    looks.push(now.quiet);
  }
  expect(looks).toEqual([false, false, false, false, false, false, false, true]);
});

describe("among cgroups that are full of cache as well", () => {
  test.each([
    ["a lone one is looked at as often as it asks for", 1, 0, 1],
    ["four leave each other room", 1, 3, 9],
    ["250 take 2 % of a core together, not all of it", 1, 249, 747],
    ["one that asks for less gets what it asks for", 1000, 249, 1000],
  ])("%s", (_, pollMs, others, sharedMs) => {
    expect(sharedPollMs(pollMs, others)).toBe(sharedMs);
  });
});

describe("looks that are due about the same time", () => {
  test("are made together, no more than a 32nd of the wait later", () => {
    const due = [1000.2, 1001, 1003, 1004.9].map((nowMs) => togetherMs(nowMs, 747));
    expect(new Set(due).size).toBe(1);
    expect(due[0]).toBe(1760);
  });

  test.each([0, 1, 6, 31])("are not put off where the wait is %d ms only", (inMs) => {
    expect(togetherMs(1000.2, inMs)).toBe(1000.2 + inMs);
  });
});
