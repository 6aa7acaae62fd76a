import type { KnownCgroup } from "../../../../src/arm/entry.ts";
import type { Identity } from "../../../../src/discover/identity.ts";
import type { MetricSources } from "../../../../src/report/metrics/sources.ts";

export const M = 2 ** 20;

/** An armed container of 100M. */
export function cgroup(path: string, names: Partial<Identity> = {}, changes: Partial<KnownCgroup> = {}) {
  const identity: Identity = {
    kind: "container",
    namespace: "default",
    pod: "web-0",
    podUid: null,
    container: "app",
    containerId: null,
    qos: null,
    ...names,
  };
  const known: KnownCgroup = {
    cgroup: path,
    identity,
    limitBytes: 100 * M,
    thresholdBytes: 98 * M,
    state: "armed",
    ...changes,
  };
  return known;
}

/** A guard that is well and has nothing to tell. */
export function sources(changes: Partial<MetricSources> = {}): MetricSources {
  return {
    cgroups: () => [],
    usageOf: () => ({ usageBytes: 50 * M, workingSetBytes: 40 * M }),
    requestBytes: () => null,
    counters: () => [],
    forgetCounters: () => undefined,
    skips: new Uint32Array(7),
    pingSentinel: () => Promise.resolve(true),
    isStoring: () => true,
    isKernelLogRead: () => true,
    outbox: () => ({ events: 0, oldestMs: null }),
    nodeMemory: () => ({ totalBytes: 1000 * M, availableBytes: 600 * M }),
    ...changes,
  };
}
