import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { monotonicMicros } from "../../../ffi/clock.ts";

test("CLOCK_MONOTONIC goes on, in microseconds, and is not ahead of the time since boot", () => {
  const before = monotonicMicros();
  Bun.sleepSync(20);
  const after = monotonicMicros();
  expect(after - before).toBeGreaterThanOrEqual(20_000);
  // /proc/uptime counts the time suspended, too, and has hundredths of seconds.
  expect(after).toBeLessThanOrEqual(
    (Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) + 0.02) * 1e6,
  );
});
