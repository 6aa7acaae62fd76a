import type { Incident, Victim } from "../../../src/record/incident.ts";

export const M = 2 ** 20;
export const G = 2 ** 30;

/** A process of 950M. */
export function victim(changes: Partial<Victim> = {}): Victim {
  return { pid: 4242, comm: "java", rssBytes: 950 * M, oomScoreAdj: 2, badness: 243_712, ...changes };
}

/** A container of 1000M that was killed. */
export function incident(changes: Partial<Incident> = {}): Incident {
  return {
    id: "mgvk3k00-mgvk0000-1",
    timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    kind: "kill",
    trigger: "threshold",
    policy: "container",
    cgroup: "/kubepods/pod1/c1",
    namespace: "default",
    pod: "web-0",
    podUid: "0a1b2c3d-0000-4000-8000-00000000000a",
    container: "app",
    containerId: "0123456789ab",
    limitBytes: 1000 * M,
    thresholdBytes: 980 * M,
    usageBytes: 981.25 * M,
    reclaimableBytes: 0.375 * M,
    victims: [victim()],
    victimCount: 3,
    scope: null,
    silent: null,
    decideMicros: 210,
    deadMillis: null,
    event: { state: "off", attempts: 0, name: null, reason: "kubernetes is off" },
    ...changes,
  };
}
