import { describe, expect, test } from "bun:test";
import { bar } from "../../../src/report/bar.ts";

const look = { columns: 80, color: false, unicode: false };
const drawn = (usageBytes: number, reclaimableBytes = 0, thresholdBytes = 980, limitBytes = 1000) =>
  bar({ usageBytes, reclaimableBytes, thresholdBytes, limitBytes }, 12, null, look);

describe("bar", () => {
  test.each([
    ["empty", drawn(0), "..........|."],
    ["half", drawn(490), "#####.....|."],
    ["reclaimable at the end of what is used", drawn(490, 200), "##~~~.....|."],
    ["all of it reclaimable", drawn(490, 600), "~~~~~.....|."],
    ["a byte below the threshold does not touch the mark", drawn(979), "#########.|."],
    ["the threshold touches it", drawn(980), "##########|."],
    ["the limit fills it", drawn(1000), "##########|#"],
    ["more than the limit fills it, too", drawn(5000), "##########|#"],
    ["a margin of half the limit", drawn(250, 0, 500, 1000), "###...|....."],
    ["past a margin of half the limit", drawn(750, 0, 500, 1000), "######|##..."],
    ["no margin", drawn(1000, 0, 1000, 1000), "##########|#"],
    ["a limit of nothing", drawn(0, 0, 0, 0), "..........|."],
  ])("%s", (_promise, actual, expected) => expect(actual).toBe(expected));

  test("is always as wide as asked", () => {
    for (let width = 4; width < 60; width++)
      for (const usage of [0, 1, 500, 979, 980, 990, 1000, 2000])
        for (const threshold of [0, 1, 500, 980, 1000]) {
          const facts = {
            usageBytes: usage,
            reclaimableBytes: 300,
            thresholdBytes: threshold,
            limitBytes: 1000,
          };
          expect(bar(facts, width, null, look)).toHaveLength(width);
        }
  });
});
