import { hostname, release, totalmem } from "node:os";
import { allocatable } from "../node/allocatable.ts";
import { findKubelet } from "../node/find-kubelet.ts";
import { readNodeMemory } from "../node/node-memory.ts";
import { readOvercommit } from "../node/overcommit.ts";
import { podsLimitBytes } from "../node/pods-limit.ts";
import type { ScanNode } from "../report/scan-report.ts";
import { podSums } from "./scan-pods.ts";
import type { SurveyTools } from "./survey.ts";

/** The node, and why kubelet's eviction threshold is not known (null: it is). */
export interface NodeSurvey {
  readonly node: ScanNode;
  readonly unknownEviction: string | null;
}

/**
 * Looks at the node as a whole.
 * @param cgroups all inside the roots @param nodeAllocatableBytes what the API server says, null where it does not
 */
export function surveyNode(
  { hierarchy, procRoot, nodePods }: Pick<SurveyTools, "hierarchy" | "procRoot" | "nodePods">,
  cgroups: readonly string[],
  nodeAllocatableBytes: number | null,
): NodeSurvey {
  const { version, mount } = hierarchy;
  const { meminfo, workingSetBytes, availableBytes } = readNodeMemory({ version, mount, procRoot });
  const memoryTotalBytes = meminfo.totalBytes ?? totalmem();
  const kubelet = findKubelet(procRoot, memoryTotalBytes);
  const threshold = kubelet.ok ? kubelet.value.evictionThresholdBytes : null;
  const node = {
    name: hostname(),
    kernel: release(),
    cgroupVersion: version,
    cgroupMount: mount,
    memoryTotalBytes,
    memoryAvailableBytes: availableBytes,
    linuxMemAvailableBytes: meminfo.availableBytes,
    workingSetBytes,
    evictionThresholdBytes: threshold,
    distanceToEvictionBytes:
      availableBytes === null || threshold === null ? null : availableBytes - threshold,
    overcommit: readOvercommit(procRoot, meminfo),
    ...allocatable(nodeAllocatableBytes, podsLimitBytes(hierarchy, cgroups), kubelet),
    ...podSums(nodePods),
  };
  return { node, unknownEviction: kubelet.ok ? null : kubelet.why };
}
