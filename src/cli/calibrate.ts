import { calibrateThresholds } from "../cgroup/v1/calibrate.ts";
import type { ThresholdUnit } from "../cgroup/v1/register.ts";
import type { Log } from "../report/log.ts";

/** The unit of this kernel's thresholds, which are trusted only after they were seen to work. Says what is unusual. */
export async function calibrate(mount: string, log: Log): Promise<ThresholdUnit> {
  let unit: ThresholdUnit;
  try {
    unit = await calibrateThresholds(mount);
  } catch (error) {
    log.warn(
      "thresholds-untried",
      `thresholds could not be tried out, so they are taken to be in bytes: ${String(error)}`,
    );
    return "bytes";
  }
  if (unit === "pages")
    log.warn("thresholds-in-pages", "this kernel takes thresholds in pages: the guard multiplies them");
  if (unit === "none") {
    log.warn(
      "thresholds-unusable",
      "this kernel's memory thresholds do not work: pressure and out-of-memory notifications and polling carry the guard",
    );
  }
  return unit;
}
