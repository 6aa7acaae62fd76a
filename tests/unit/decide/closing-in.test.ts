import { expect, test } from "bun:test";
import { closeIn, comeNear, isRehearsalDue, isSoon } from "../../../src/decide/closing-in.ts";

const M = 2 ** 20;
const LEAK = 1.8 * M;

/** Looks as often as it asks for, until the threshold or until it is left to the kernel. @param usageAt in bytes, `distance` below 0 at first */
function follow(usageAt: (ms: number) => number, distanceBytes: number) {
  let nowMs = 0;
  let state = comeNear(usageAt(0), 0);
  const pauses: number[] = [];
  const rehearsals: number[] = [];
  while (state.nextMs !== Number.POSITIVE_INFINITY && usageAt(nowMs) < distanceBytes && nowMs < 1000) {
    pauses.push(state.nextMs - nowMs);
    // A look takes a while itself.
    nowMs = state.nextMs + 0.05;
    state = closeIn(state, usageAt(nowMs), distanceBytes - usageAt(nowMs), nowMs);
    if (!isRehearsalDue(state, nowMs)) continue;
    state = { ...state, rehearsedMs: nowMs };
    rehearsals.push(nowMs);
  }
  return { nowMs, pauses, rehearsals, isFollowed: state.nextMs !== Number.POSITIVE_INFINITY };
}

test("a fast leak is followed to its threshold, and seen there at once", () => {
  const { nowMs, isFollowed } = follow((ms) => LEAK * ms, 20 * M);
  expect(isFollowed).toBe(true);
  expect(nowMs - 20 / 1.8).toBeLessThan(0.1);
});

test("only the last stretch is looked at without a pause", () => {
  const { pauses } = follow((ms) => LEAK * ms, 20 * M);
  const paused = pauses.filter((pause) => pause > 0);
  expect(paused.length).toBeGreaterThanOrEqual(8);
  expect(pauses.lastIndexOf(1)).toBeLessThan(paused.length);
});

test("its kill is rehearsed a few times on the way, and last when it is nearly there", () => {
  const { nowMs, rehearsals } = follow((ms) => LEAK * ms, 20 * M);
  expect(nowMs - rehearsals.at(-1)!).toBeLessThan(0.5);
  expect(rehearsals.length).toBeLessThan(15);
});

test("what grows slowly, or shrinks, is left to the kernel after one look", () => {
  for (const bytesPerMs of [0.1 * M, 0, -LEAK]) {
    expect(follow((ms) => bytesPerMs * ms, 20 * M).pauses).toEqual([1]);
  }
});

test("a leak that waits for its core is followed on, and not stared at meanwhile", () => {
  // It runs for 3 ms, then stands still for 9.
  const usageAt = (ms: number) => LEAK * (Math.floor(ms / 12) * 3 + Math.min(ms % 12, 3));
  const { isFollowed, pauses } = follow(usageAt, 16 * M);
  expect(isFollowed).toBe(true);
  expect(pauses.filter((pause) => pause > 0).length).toBeGreaterThan(20);
});

test("a leak that has ended is left to the kernel before long", () => {
  const { nowMs, isFollowed } = follow((ms) => Math.min(LEAK * ms, 19 * M), 20 * M);
  expect(isFollowed).toBe(false);
  expect(nowMs).toBeLessThan(80);
});

test.each([
  ["that will be there in 9 ms is", 2 * M, 18 * M, true],
  ["that needs 10 is not yet", 2 * M, 20 * M, false],
  ["that does not grow never is", 0, 0, false],
])("memory %s followed closely", (_, bytesPerMs, distanceBytes, expected) => {
  expect(isSoon(bytesPerMs, distanceBytes)).toBe(expected);
});
