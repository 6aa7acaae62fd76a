import { reclaimableBytes } from "../decide/reading.ts";
import { calm, lookOnce, step } from "../decide/step.ts";
import { humanSize } from "../report/size.ts";
import type { Surveyed } from "./survey.ts";

/** What the guard would do at this moment, and why; one sentence. */
export function verdictNow({ reading, bounds, policy, guardChoice }: Surveyed): string {
  const { usageBytes } = reading;
  if (usageBytes < bounds.thresholdBytes) {
    return `nothing to do, ${humanSize(bounds.thresholdBytes - usageBytes)} are left to the threshold`;
  }
  const { action, state } = step(calm, reading, bounds, policy, lookOnce);
  if (state.phase === "cache") {
    return `over the threshold, but the kernel can reclaim ${humanSize(reclaimableBytes(reading))}, at least ${humanSize(bounds.cacheFloorBytes)}: no reason to kill`;
  }
  if (state.phase === "slack") return "over the threshold by per-CPU pre-charges only: no reason to kill yet";
  if (guardChoice === null) return "over the threshold, but there is nobody the guard may kill";
  return action === "kill"
    ? "over the threshold with nothing left to reclaim: the guard kills"
    : "over the threshold with nothing left to reclaim; policy noop only says so";
}
