import type { Config } from "../config/config.ts";
import { highIsSafe } from "./kernel-generation.ts";

/**
 * Why memory.high must not be written (cgroup v2), for a sentence in brackets; null: it may.
 * @param kernelRelease `uname -r`
 */
export function whyNotHeld({ high }: Config["v2"], kernelRelease: string): string | null {
  if (high === "off") return 'high = "off" in [v2]';
  return highIsSafe(kernelRelease) ? null : `Linux ${kernelRelease} can hang in it, 5.9 cannot`;
}
