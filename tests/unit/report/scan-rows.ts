import type { ScanNode, ScanReport, ScanRow } from "../../../src/report/scan-report.ts";
import { M } from "../record/incidents.ts";

/** A row with a limit and a usage in M; margin, threshold and state follow from them as the guard's rules say. */
export function row(limit: number, usage: number, changes: Partial<ScanRow> = {}): ScanRow {
  const limitBytes = limit * M;
  const usageBytes = usage * M;
  const marginBytes = Math.min(Math.max(limitBytes * 0.02, M), 50 * M);
  const thresholdBytes = limitBytes - marginBytes;
  return {
    cgroup: "/kubepods/pod1/c1",
    kind: "container",
    namespace: "default",
    pod: "web-0",
    container: "app",
    containerId: "0123456789ab",
    qos: "Burstable",
    requestBytes: null,
    specLimitBytes: null,
    limitBytes,
    usageBytes,
    reclaimableBytes: 0,
    anonBytes: usageBytes,
    marginBytes,
    thresholdBytes,
    headroomBytes: limitBytes - usageBytes,
    workingSetBytes: usageBytes,
    overcommitBytes: null,
    wasteBytes: null,
    policy: "container",
    state: usageBytes >= thresholdBytes ? "over" : usageBytes >= limitBytes - 2 * marginBytes ? "near" : "ok",
    kernelVictim: { pid: 4242, comm: "java" },
    guardVictim: { pid: 4242, comm: "java" },
    ...changes,
  };
}

/** A report of these rows. */
export function report(cgroups: readonly ScanRow[], node: Partial<ScanNode> = {}): ScanReport {
  return {
    version: 1,
    node: nodeOf(node),
    cgroups,
    pods: null,
  };
}

/** A node of 8G, 3G of them available, of which nothing else is known. */
export function nodeOf(changes: Partial<ScanNode> = {}): ScanNode {
  return {
    name: "node-7",
    kernel: "5.15.0-91-generic",
    cgroupVersion: 1,
    cgroupMount: "/sys/fs/cgroup/memory",
    memoryTotalBytes: 8 * 1024 * M,
    memoryAvailableBytes: 3 * 1024 * M,
    linuxMemAvailableBytes: null,
    workingSetBytes: 5 * 1024 * M,
    evictionThresholdBytes: null,
    distanceToEvictionBytes: null,
    overcommit: { mode: null, commitLimitBytes: null, committedBytes: null },
    allocatableBytes: null,
    allocatableSource: null,
    requestsBytes: null,
    limitsBytes: null,
    podsWithoutLimit: null,
    ...changes,
  };
}
