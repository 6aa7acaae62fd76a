import { describe, expect, test } from "bun:test";
import type { Incident } from "../../../src/record/incident.ts";
import { incidentMessage } from "../../../src/report/incident-message.ts";
import { incident, M, victim } from "../record/incidents.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

const memory = "981.2M used of 1000M (threshold 980M, reclaimable 0.3M)";
const java = "java (pid 4242, 950M, oom_score_adj 2)";
const unknown = { limitBytes: null, thresholdBytes: null, usageBytes: null, reclaimableBytes: null };
const kernelOom = {
  kind: "kernel-oom",
  victimCount: 1,
  decideMicros: null,
  thresholdBytes: null,
  reclaimableBytes: null,
} as const;
const nobody = { namespace: null, pod: null, container: null };

describe("incidentMessage", () => {
  test.each([
    [
      "a container was killed",
      {},
      `killed container app of default/web-0: ${memory}, 3 processes, largest ${java}; decided in 210 us`,
    ],
    [
      "a process was killed",
      { policy: "process", victimCount: 1 },
      `killed process ${java} in container app of default/web-0: ${memory}; decided in 210 us`,
    ],
    [
      "two processes sharing memory were killed",
      { policy: "process", victimCount: 2 },
      `killed processes in container app of default/web-0: ${memory}, 2 processes, largest ${java}; decided in 210 us`,
    ],
    [
      "nothing was killed, by policy",
      { kind: "would-kill", policy: "noop" },
      `would have killed container app of default/web-0 (policy noop): ${memory}, 3 processes, largest ${java}; decided in 210 us`,
    ],
    [
      "the kernel was faster",
      {
        kind: "kernel-oom",
        victimCount: 1,
        decideMicros: null,
        thresholdBytes: null,
        reclaimableBytes: null,
      },
      `the kernel's OOM killer killed process ${java} in container app of default/web-0: 981.2M used of 1000M`,
    ],
    [
      "the kernel was faster, and nobody saw whom it took",
      { ...unknown, kind: "kernel-oom", victims: [], victimCount: 0, decideMicros: null },
      "the kernel's OOM killer struck in container app of default/web-0",
    ],
    [
      "a child died for the node, and nobody would notice",
      { ...unknown, kind: "kernel-oom", victimCount: 1, decideMicros: null, scope: "node", silent: true },
      `the kernel's OOM killer killed process ${java} in container app of default/web-0, which goes on without it: the node was out of memory`,
    ],
    [
      "the pods were at a limit above them",
      { ...kernelOom, scope: "node" },
      `the kernel's OOM killer killed process ${java} in container app of default/web-0: the pods were at their common limit, 981.2M used of 1000M`,
    ],
    [
      "the pod was at its limit",
      { ...kernelOom, scope: "pod", silent: false },
      `the kernel's OOM killer killed process ${java} in container app of default/web-0: the pod was at its limit, 981.2M used of 1000M`,
    ],
    [
      "the container was at its limit",
      { ...kernelOom, scope: "container", silent: true },
      `the kernel's OOM killer killed process ${java} in container app of default/web-0, which goes on without it: the container was at its limit, 981.2M used of 1000M`,
    ],
    [
      "a cgroup that is no container's was at its limit",
      { ...kernelOom, ...nobody, scope: "container" },
      `the kernel's OOM killer killed process ${java} in cgroup /kubepods/pod1/c1: the cgroup was at its limit, 981.2M used of 1000M`,
    ],
    [
      "a cgroup died as one",
      { ...kernelOom, victimCount: 3, scope: "container", silent: false },
      `the kernel's OOM killer struck in container app of default/web-0: the container was at its limit, 981.2M used of 1000M, 3 processes, largest ${java}`,
    ],
    [
      "a victim does not die",
      { kind: "stuck", victimCount: 1, decideMicros: null },
      `still alive after SIGKILL: container app of default/web-0: ${memory}, 1 process, ${java}`,
    ],
    [
      "only the limit is known",
      { ...unknown, limitBytes: 1000 * M, victims: [], victimCount: 0, decideMicros: null },
      "killed container app of default/web-0: limit 1000M",
    ],
    [
      "only the threshold is known",
      { ...unknown, thresholdBytes: 980 * M, victims: [], victimCount: 2, decideMicros: null },
      "killed container app of default/web-0: threshold 980M, 2 processes",
    ],
    [
      "a pod's cgroup",
      { container: null },
      `killed processes in pod default/web-0: ${memory}, 3 processes, largest ${java}; decided in 210 us`,
    ],
    [
      "a container outside Kubernetes",
      { namespace: null, pod: null, decideMicros: 3456 },
      `killed container app: ${memory}, 3 processes, largest ${java}; decided in 3.4 ms`,
    ],
    [
      "nobody knows whose it was",
      { ...nobody, victims: [victim({ comm: null, rssBytes: null, oomScoreAdj: null })], victimCount: 1 },
      `killed processes in cgroup /kubepods/pod1/c1: ${memory}, 1 process, pid 4242; decided in 210 us`,
    ],
    [
      "the largest is named, not the first",
      {
        victims: [
          victim({ pid: 1, comm: "sh", rssBytes: null }),
          victim({ pid: 2, comm: "a", rssBytes: M }),
          victim(),
        ],
      },
      `killed container app of default/web-0: ${memory}, 3 processes, largest ${java}; decided in 210 us`,
    ],
  ] as [string, Partial<Incident>, string][])("%s", (_promise, changes, expected) => {
    expect(incidentMessage(incident(changes))).toBe(expected);
  });

  test.each(hostileNames)("is one safe line that fits an Event, with %s for every name", (_promise, name) => {
    for (const kind of ["kill", "would-kill", "kernel-oom", "stuck"] as const)
      for (const changes of [
        { namespace: name, pod: name, container: name },
        { ...nobody, cgroup: name },
      ]) {
        const text = incidentMessage(incident({ ...changes, kind, victims: [victim({ comm: name })] }));
        expect(text).not.toMatch(UNSAFE);
        expect(text).not.toContain("\n");
        expect(text.length).toBeLessThanOrEqual(1024);
        expect(text).toContain("981.2M used of 1000M");
      }
  });
});
