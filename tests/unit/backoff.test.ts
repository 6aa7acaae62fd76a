import { expect, test } from "bun:test";
import { backoffMs } from "../../src/backoff.ts";

test.each([
  [0, 0, 100],
  [1, 0, 200],
  [3, 0, 800],
  [3, 1, 400],
  [6, 0, 5000],
  [6, 0.5, 3750],
  [1e9, 0, 5000],
])("attempt %d with random %d waits %d ms", (attempt, random, expected) => {
  expect(backoffMs(attempt, 100, 5000, random)).toBe(expected);
});
