import { describe, expect, test } from "bun:test";
import { crossingNs } from "../../bench/crossing.ts";

const BATCH = 64 * 4096;
/** A page each nanosecond, from a time on. */
const pages = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

describe("when usage came to the threshold", () => {
  test("is when the page was filled that took another batch", () => {
    // 63 of the batch that was there, less one for the first page table, and the next.
    expect(crossingNs([pages(200)], 0, BATCH)).toBe(62);
    expect(crossingNs([pages(200)], 0, 2 * BATCH)).toBe(62 + 64);
  });

  test("a threshold inside of a batch is passed with the batch", () => {
    expect(crossingNs([pages(200)], 0, 1)).toBe(62);
    expect(crossingNs([pages(200)], 0, BATCH + 1)).toBe(62 + 64);
  });

  test("counts from what was used before", () => {
    expect(crossingNs([pages(200)], 1000 * BATCH, 1001 * BATCH)).toBe(62);
  });

  test("page tables count: one in 512 pages", () => {
    expect(crossingNs([pages(1024)], 0, 9 * BATCH)).toBe(62 + 8 * 64 - 1);
  });

  test("threads take their batches each on its own", () => {
    expect(crossingNs([pages(200), pages(200, 1000)], 0, 2 * BATCH)).toBe(62 + 64);
    expect(crossingNs([pages(100), pages(100, 1000)], 0, 2 * BATCH)).toBe(1000 + 62);
  });

  test("is not told of a leak that did not come so far, or began beyond", () => {
    expect(crossingNs([pages(10)], 0, BATCH)).toBeNull();
    expect(crossingNs([pages(200)], BATCH, BATCH)).toBeNull();
  });
});
