import type { Config } from "../config/config.ts";
import { asksForHold } from "../config/rules.ts";
import { whyNotWaiting } from "../decide/why-not-held.ts";

/**
 * Names what the configuration asks for and cannot have here.
 * @param version of cgroups @param kernelRelease `uname -r` @param say is called only when there is something
 */
export function sayWhatHasNoEffect(
  config: Config,
  version: 1 | 2,
  kernelRelease: string,
  say: (message: string) => void,
): void {
  const reason = whyNotWaiting(version, kernelRelease);
  if (reason !== null && asksForHold(config)) say(`without effect here: kernel_oom = "hold" (${reason})`);
}
