import { expect, test } from "bun:test";
import { staysInStep } from "../../../src/decide/crossing.ts";

const M = 2 ** 20;
const bounds = { thresholdBytes: 980 * M, marginBytes: 20 * M, cacheFloorBytes: 20 * M };

test.each([
  ["was below and is: it is", true, 970, false, true],
  ["was above, and is now a little below: nobody can tell", false, 979, false, false],
  ["is above: a dip may come unseen", true, 980, false, false],
  ["has told, but usage is below again by now", true, 979, true, false],
  ["has told, and usage is a margin below: that was on the way down", false, 959, true, true],
  ["was above, and is now a margin below: it looks before usage is back", false, 959, false, true],
])("a kernel that %s", (_, before, usageMib, isNotified, inStep) => {
  expect(staysInStep(before, bounds, usageMib * M, isNotified)).toBe(inStep);
});

test("a margin smaller than what the kernel may overlook is not what counts", () => {
  const small = { ...bounds, marginBytes: M / 4 };
  expect(staysInStep(false, small, bounds.thresholdBytes - M / 2, false)).toBe(false);
  expect(staysInStep(false, small, bounds.thresholdBytes - M, false)).toBe(true);
});
