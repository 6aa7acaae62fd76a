import { readOnce } from "../cgroup/read-once.ts";
import type { Reading } from "../decide/reading.ts";
import { classify } from "../discover/classify.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";
import { workingSetBytes } from "../node/working-set.ts";
import type { PodSums, ScanPod } from "../report/scan-report.ts";
import { podBytes, saysAll } from "./spec-memory.ts";
import type { Surveyed, SurveyTools } from "./survey.ts";

/** The pods that have not ended, by what they ask for, may use and use. @param workingSets by a pod's uid on this node */
export function scanPods(pods: readonly NodePod[], workingSets: ReadonlyMap<string, number>): ScanPod[] {
  return pods
    .filter(({ hasEnded }) => !hasEnded)
    .map((pod) => {
      const requestBytes = podBytes(pod, "requestBytes");
      const limitBytes = saysAll(pod, "limitBytes") ? podBytes(pod, "limitBytes") : null;
      const workingSet = workingSets.get(pod.nodeUid) ?? null;
      return {
        namespace: pod.namespace,
        pod: pod.name,
        requestBytes,
        limitBytes,
        workingSetBytes: workingSet,
        overcommitBytes: limitBytes === null ? null : Math.max(0, limitBytes - requestBytes),
        wasteBytes: workingSet === null ? null : Math.max(0, requestBytes - workingSet),
      };
    });
}

/** What they ask for and may use in all, as `kubectl describe node` sums it up. */
export function podSums(pods: readonly NodePod[] | null): PodSums {
  if (pods === null) return { requestsBytes: null, limitsBytes: null, podsWithoutLimit: null };
  const running = pods.filter(({ hasEnded }) => !hasEnded);
  const sum = (which: "requestBytes" | "limitBytes") =>
    running.reduce((total, pod) => total + podBytes(pod, which), 0);
  return {
    requestsBytes: sum("requestBytes"),
    limitsBytes: sum("limitBytes"),
    podsWithoutLimit: running.filter((pod) => !saysAll(pod, "limitBytes")).length,
  };
}

/** The working set of each pod's cgroup, limited or not, by the pod's uid on this node. What vanishes is left out. */
export function podWorkingSets(
  { reader, hierarchy }: Pick<SurveyTools, "reader" | "hierarchy">,
  cgroups: readonly string[],
  found: readonly Surveyed[],
): Map<string, number> {
  const readings = new Map(found.map(({ cgroup, reading }) => [cgroup, reading]));
  const workingSets = new Map<string, number>();
  for (const cgroup of cgroups) {
    const { kind, podUid } = classify(cgroup);
    if (kind !== "pod" || podUid === null) continue;
    const reading =
      readings.get(cgroup) ?? readOnce(reader, `${hierarchy.mount}${cgroup}`, (it): Reading => it);
    if (reading !== null)
      workingSets.set(podUid, workingSetBytes(reading.usageBytes, reading.inactiveFileBytes));
  }
  return workingSets;
}
