import type { Identity } from "../../../src/discover/identity.ts";
import type { KernelKill } from "../../../src/kernel-log/kernel-kill.ts";
import type { Counted } from "../../../src/kernel-oom/matcher.ts";
import type { Incident } from "../../../src/record/incident.ts";
import { incident, M } from "../record/incidents.ts";

export const POD = "/kubepods/burstable/pod0a1b2c3d-0000-4000-8000-00000000000a";
export const APP = `${POD}/${"a".repeat(64)}`;
export const SIDECAR = `${POD}/${"b".repeat(64)}`;

/** A kill in the container `APP` at its own limit, as the kernel's log tells it. */
export function kill(changes: Partial<KernelKill> & { pid?: number } = {}): KernelKill {
  const { pid = 100, ...rest } = changes;
  return {
    seq: 1000 + pid,
    bootMicros: 60_000_000,
    shortage: "cgroup",
    limitCgroup: APP,
    victimCgroup: APP,
    victim: { pid, comm: "worker", rssBytes: 80 * M, oomScoreAdj: 2 },
    usageBytes: 100 * M,
    limitBytes: 100 * M,
    wholeCgroup: null,
    ...rest,
  };
}

/** The same as the sentinel tells it. */
export function counted(changes: Partial<Incident> = {}, more: Partial<Counted> = {}): Counted {
  const facts = { kind: "kernel-oom", trigger: "oom", cgroup: APP, limitBytes: 100 * M } as const;
  return {
    incident: incident({ id: "counted", ...facts, victims: [], victimCount: 0, ...changes }),
    slot: 7,
    isCount: true,
    ...more,
  };
}

/** Whose a cgroup is; nobody's. */
export function identity(changes: Partial<Identity> = {}): Identity {
  const nobody = { namespace: null, pod: null, podUid: null, container: null, containerId: null, qos: null };
  return { kind: "other", ...nobody, ...changes };
}
