import type { Config } from "../config/config.ts";
import { whyNotHeld } from "../decide/why-not-held.ts";
import { type Finding, ok, skip, warn } from "./check.ts";
import { readText } from "./read-text.ts";

const PRESSURE = "pressure/memory";

/**
 * Will the kernel hold containers back at their thresholds (cgroup v2)? And if not, does it at least tell of pressure?
 * @param v2 [v2] of the configuration @param kernelRelease `uname -r` @param procRoot usually "/proc"
 */
export function checkMemoryHigh(
  version: 1 | 2,
  v2: Config["v2"],
  kernelRelease: string,
  procRoot: string,
): Finding {
  if (version === 1) return skip("cgroup v1 has thresholds instead");
  const reason = whyNotHeld(v2, kernelRelease);
  if (reason === null)
    return ok("the kernel holds a container back at its threshold until the guard has decided");
  const unheld = `memory.high is not written (${reason})`;
  const isChosen = v2.high === "off";
  if (readText(`${procRoot}/${PRESSURE}`) !== null) {
    const carried = `${unheld}: pressure notifications and polling carry the guard`;
    return isChosen ? ok(carried) : warn(carried, "use Linux 5.9 or later");
  }
  return warn(
    `${unheld}, and the kernel tells of no pressure: polling carries the guard, and fast leaks win`,
    isChosen
      ? `set high = "auto" in [v2]; or have pressure notifications: ${havePressure(procRoot)}`
      : `${havePressure(procRoot)}; or use Linux 5.9 or later`,
  );
}

/** What brings /proc/pressure (Documentation/accounting/psi.rst). */
function havePressure(procRoot: string): string {
  const isOff = /(?:^|\s)psi=(?:0|off|n|no)(?:\s|$)/.test(readText(`${procRoot}/cmdline`) ?? "");
  return isOff
    ? "take psi=0 off the kernel command line and reboot"
    : "boot with psi=1 on the kernel command line (CONFIG_PSI, Linux 4.20 or later)";
}
