import { expect, test } from "bun:test";
import { noiseNote } from "../../bench/noise.ts";

test("the noise is what a reference differs from itself, in the middle and at the end", () => {
  expect(noiseNote("C floor", [1, 2, 3], [2, 4, 6])).toBe(
    "Noise of the machine, the C floor against itself: median 2.00 and 4.00 ms (x 2.00), p99 3.00 and 6.00 ms (x 2.00).",
  );
});
