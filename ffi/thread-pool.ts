import { libc } from "./libc.ts";
import { cString } from "./native-buffer.ts";

/**
 * Lets the engine's pool run this many blocking calls at once. It reads the variable when the pool is first used, from
 * the C library's environment: setting process.env does not reach it (Bun 1.4.5). Without this it is the number of
 * CPUs, and on two of them 64 thresholds took 510 ms to register instead of 31.
 */
export function widenThreadPool(threads: number): void {
  libc.setenv(cString("UV_THREADPOOL_SIZE").address, cString(String(threads)).address, 1);
}
