import type { Config } from "../config/config.ts";
import { highIsSafe, waitingIsSafe } from "./kernel-generation.ts";

/**
 * Why memory.high must not be written (cgroup v2), for a sentence in brackets; null: it may.
 * @param kernelRelease `uname -r`
 */
export function whyNotHeld({ high }: Config["v2"], kernelRelease: string): string | null {
  if (high === "off") return 'high = "off" in [v2]';
  return highIsSafe(kernelRelease) ? null : `Linux ${kernelRelease} can hang in it, 5.9 cannot`;
}

/**
 * Why tasks must not wait for the guard at their limit (`kernel_oom = "hold"`), for a sentence in brackets; null: they may.
 * @param kernelRelease `uname -r`
 */
export function whyNotWaiting(version: 1 | 2, kernelRelease: string): string | null {
  if (version === 2) return "on cgroup v2 memory.high holds a leak back";
  return waitingIsSafe(kernelRelease)
    ? null
    : `on Linux ${kernelRelease} tasks would wait with locks held, from 3.12 on they do not`;
}
