import type { Hierarchy } from "../../../src/cgroup/hierarchy.ts";

/** A hierarchy of which every cgroup has a limit of 100M, as far as it is not told otherwise; nothing is ever notified. */
export function fakeHierarchy(changes: Partial<Hierarchy> = {}): Hierarchy {
  return {
    version: 1,
    mount: "/m",
    control: [],
    reclaimSparesSwap: false,
    limitBytes: () => 100 * 2 ** 20,
    coversChildren: () => true,
    arm: () => ({ directoryFd: 3, usageFd: 4, statFd: 5, signals: [], refused: [] }),
    armThresholds: () => Promise.resolve([]),
    renew: () => Promise.resolve(),
    letGo: () => undefined,
    tidy: () => undefined,
    letAllGo: () => Promise.resolve(),
    heldCount: 0,
    reclaim: () => Promise.resolve("done"),
    ...changes,
  };
}
