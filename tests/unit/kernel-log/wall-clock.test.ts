import { expect, test } from "bun:test";
import { wallClockMs } from "../../../src/kernel-log/wall-clock.ts";

const now = { wallMs: 1_700_000_000_000, bootMicros: 10_000_000 };

test.each([
  ["a second ago", 9_000_000, 1_699_999_999_000],
  ["at boot", 0, 1_699_999_990_000],
  ["now", 10_000_000, 1_700_000_000_000],
  ["never later than now, though the log's clock is ahead", 10_500_000, 1_700_000_000_000],
])("a record was written %s", (_, bootMicros, wallMs) => {
  expect(wallClockMs(bootMicros, now)).toBe(wallMs);
});
