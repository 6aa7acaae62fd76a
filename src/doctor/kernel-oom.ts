import type { Config } from "../config/config.ts";
import { asksForHold } from "../config/rules.ts";
import { whyNotWaiting } from "../decide/why-not-held.ts";
import { type Finding, ok, skip, warn } from "./check.ts";

/** Can tasks wait for the guard at their limit, where the configuration asks for it? @param kernelRelease `uname -r` */
export function checkKernelOom(version: 1 | 2, config: Config, kernelRelease: string): Finding {
  if (!asksForHold(config)) return skip('kernel_oom is "allow": the kernel kills what the guard misses');
  const reason = whyNotWaiting(version, kernelRelease);
  if (reason === null) return ok("tasks wait at their limit until the guard has killed (memory.oom_control)");
  return warn(`kernel_oom = "hold" has no effect: ${reason}`, 'set kernel_oom = "allow"');
}
