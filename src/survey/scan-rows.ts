import { SysError } from "../../ffi/sys-error.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { reclaimableBytes } from "../decide/reading.ts";
import type { PodDirectory } from "../discover/node-pods.ts";
import { workingSetBytes } from "../node/working-set.ts";
import type { ScanRow, ScanState, ScanVictim } from "../report/scan-report.ts";
import { specMemory } from "./spec-memory.ts";
import type { Survey, Surveyed } from "./survey.ts";

/** How far a cgroup is from its limit: over its threshold, within two margins of the limit, or neither. */
export function stateOf({
  reading,
  bounds,
  limitBytes,
}: Pick<Surveyed, "reading" | "bounds" | "limitBytes">): ScanState {
  if (reading.usageBytes >= bounds.thresholdBytes) return "over";
  return reading.usageBytes >= limitBytes - 2 * bounds.marginBytes ? "near" : "ok";
}

/** A limited cgroup as `scan` shows it. */
export function rowOf(surveyed: Surveyed, pods: PodDirectory): ScanRow {
  const { cgroup, identity, policy, limitBytes, bounds, reading } = surveyed;
  const { podUid: _, ...shown } = identity;
  const spec = specMemory(identity, pods);
  const { requestBytes } = spec;
  const workingSet = workingSetBytes(reading.usageBytes, reading.inactiveFileBytes);
  return {
    cgroup,
    ...shown,
    ...spec,
    limitBytes,
    usageBytes: reading.usageBytes,
    reclaimableBytes: reclaimableBytes(reading),
    anonBytes: reading.anonBytes,
    marginBytes: bounds.marginBytes,
    thresholdBytes: bounds.thresholdBytes,
    headroomBytes: Math.max(0, limitBytes - reading.usageBytes),
    workingSetBytes: workingSet,
    overcommitBytes: requestBytes === null ? null : Math.max(0, limitBytes - requestBytes),
    wasteBytes: requestBytes === null ? null : Math.max(0, requestBytes - workingSet),
    policy,
    state: stateOf(surveyed),
    kernelVictim: victimOf(surveyed.kernelVictim),
    guardVictim: victimOf(surveyed.guardChoice?.largest ?? null),
  };
}

const victimOf = (process: ProcessFacts | null): ScanVictim | null =>
  process === null ? null : { pid: process.pid, comm: process.comm };

/** Everything limited among the cgroups, and how many have no limit. What vanishes meanwhile is left out. */
export function surveyAll(
  survey: Survey,
  cgroups: readonly string[],
): { found: Surveyed[]; unlimited: number } {
  const found: Surveyed[] = [];
  let unlimited = 0;
  for (const cgroup of cgroups) {
    try {
      const surveyed = survey.look(cgroup);
      if (surveyed === null) unlimited++;
      else found.push(surveyed);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }
  return { found, unlimited };
}
