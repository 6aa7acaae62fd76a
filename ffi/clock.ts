import { libc } from "./libc.ts";
import { NativeBuffer } from "./native-buffer.ts";

const CLOCK_MONOTONIC = 1;
// struct timespec of 64-bit Linux: seconds, nanoseconds.
const now = new NativeBuffer(16);

/** Microseconds of CLOCK_MONOTONIC (clock_gettime(2)). The engine's own clocks count from elsewhere. */
export function monotonicMicros(): number {
  libc.clock_gettime(CLOCK_MONOTONIC, now.address);
  const seconds = Number(now.view.getBigInt64(0, true));
  return seconds * 1_000_000 + Math.floor(Number(now.view.getBigInt64(8, true)) / 1000);
}
