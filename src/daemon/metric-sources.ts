import type { Armer } from "../arm/armer.ts";
import type { Hierarchy, MemoryReader } from "../cgroup/hierarchy.ts";
import { readOnce } from "../cgroup/read-once.ts";
import { readNodeMemory } from "../node/node-memory.ts";
import { workingSetBytes } from "../node/working-set.ts";
import type { Recorder } from "../record/recorder.ts";
import type { MetricSources } from "../report/metrics/sources.ts";
import type { SentinelHandle } from "../sentinel/handle.ts";
import { specMemory } from "../survey/spec-memory.ts";
import type { Cluster } from "./cluster.ts";
import type { KernelWatch } from "./kernel-watch.ts";

/** The parts of the daemon that metrics tell of. */
export interface MeasuredParts {
  readonly hierarchy: Hierarchy;
  readonly reader: MemoryReader;
  readonly recorder: Recorder;
  readonly armer: Armer;
  readonly cluster: Cluster;
  readonly sentinel: SentinelHandle;
  readonly kernelWatch: KernelWatch;
  /** Usually "/proc". */
  readonly procRoot: string;
}

/** Where the daemon's metrics come from. */
export function metricSources(parts: MeasuredParts): MetricSources {
  const { hierarchy, reader, recorder, armer, cluster, sentinel, kernelWatch, procRoot } = parts;
  const { version, mount } = hierarchy;
  return {
    cgroups: () => armer.known(),
    usageOf: (cgroup) =>
      readOnce(reader, `${mount}${cgroup}`, ({ usageBytes, inactiveFileBytes }) => ({
        usageBytes,
        workingSetBytes: workingSetBytes(usageBytes, inactiveFileBytes),
      })),
    requestBytes: (identity) => specMemory(identity, cluster.pods).requestBytes,
    counters: () => recorder.counters(),
    forgetCounters: (counters) => recorder.forgetCounters(counters),
    skips: sentinel.skips,
    pingSentinel: () => sentinel.ping(),
    isStoring: () => recorder.isStoring,
    isKernelLogRead: () => kernelWatch.isLogRead,
    outbox() {
      const events = cluster.waitingEvents;
      return events === null ? null : { events, oldestMs: cluster.oldestWaitingMs };
    },
    nodeMemory() {
      const { meminfo, availableBytes } = readNodeMemory({ version, mount, procRoot });
      return { totalBytes: meminfo.totalBytes, availableBytes };
    },
  };
}
