import * as v from "valibot";
import { dnsLabel, dnsSubdomain, podUid } from "../discover/kubernetes-names.ts";
import type { ContainerKind, NodeContainer, NodePod } from "./node-pod.ts";
import { parseQuantity } from "./quantity.ts";

// What is taken of a pod. Lists and fields that the API server leaves out when they are empty may be absent.

const quantity = lenient(v.pipe(v.string(), v.transform(parseQuantity)));
const resources = v.nullish(v.object({ memory: quantity }), { memory: null });

const both = v.nullish(v.object({ requests: resources, limits: resources }), {});

const Container = v.object({ name: dnsLabel, restartPolicy: lenient(v.string()), resources: both });
type Container = v.InferOutput<typeof Container>;

/** `containerd://ID`: the id alone. Empty while the container has not been created. */
const containerId = lenient(
  v.pipe(
    v.string(),
    v.transform((text) => text.replace(/^[a-z0-9.-]+:\/\//, "")),
    v.regex(/^[0-9A-Za-z][0-9A-Za-z_.-]{0,127}$/),
  ),
);
const state = v.nullish(
  v.object({ terminated: v.nullish(v.object({ containerID: containerId }), { containerID: null }) }),
  {},
);
const Status = v.object({ name: v.string(), containerID: containerId, state, lastState: state });
type Status = v.InferOutput<typeof Status>;

/** What is worth less than the pod around it: null if it is not there or is something else. */
function lenient<const T extends v.GenericSchema<unknown, unknown>>(item: T) {
  return v.nullish(v.fallback(v.nullable(item), null), null);
}

function listOf<const T extends v.GenericSchema>(item: T) {
  return v.nullish(v.array(item), []);
}

const Pod = v.object({
  metadata: v.object({
    namespace: dnsLabel,
    name: dnsSubdomain,
    uid: podUid,
    annotations: v.nullish(v.object({ "kubernetes.io/config.mirror": lenient(podUid) }), {}),
  }),
  spec: v.object({
    containers: listOf(Container),
    initContainers: listOf(Container),
    ephemeralContainers: listOf(Container),
    overhead: resources,
    // Kubernetes 1.32 and later.
    resources: both,
  }),
  status: v.nullish(
    v.object({
      phase: lenient(v.string()),
      qosClass: lenient(v.picklist(["Guaranteed", "Burstable", "BestEffort"])),
      containerStatuses: listOf(Status),
      initContainerStatuses: listOf(Status),
      ephemeralContainerStatuses: listOf(Status),
    }),
    {},
  ),
});

/** A pod as the API server lists it; null if it is not one. */
export function readPod(value: unknown): NodePod | null {
  const result = v.safeParse(Pod, value, { abortEarly: true });
  if (!result.success) return null;
  const { metadata, spec, status } = result.output;
  const statuses = [
    ...status.initContainerStatuses,
    ...status.containerStatuses,
    ...status.ephemeralContainerStatuses,
  ];
  const containersOf = (specs: readonly Container[], kindOf: (spec: Container) => ContainerKind) =>
    specs.map((spec): NodeContainer => {
      const { name, resources } = spec;
      return {
        name,
        kind: kindOf(spec),
        // Names are unique in a pod, across all three kinds.
        containerIds: idsOf(statuses.filter((it) => it.name === name)),
        requestBytes: resources.requests.memory,
        limitBytes: resources.limits.memory,
      };
    });
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    nodeUid: metadata.annotations["kubernetes.io/config.mirror"] ?? metadata.uid,
    qos: status.qosClass,
    hasEnded: status.phase === "Succeeded" || status.phase === "Failed",
    overheadBytes: spec.overhead.memory ?? 0,
    requestBytes: spec.resources.requests.memory,
    limitBytes: spec.resources.limits.memory,
    containers: [
      ...containersOf(spec.initContainers, (it) => (it.restartPolicy === "Always" ? "app" : "init")),
      ...containersOf(spec.containers, () => "app"),
      ...containersOf(spec.ephemeralContainers, () => "ephemeral"),
    ],
  };
}

function idsOf(statuses: readonly Status[]): string[] {
  const ids = statuses.flatMap(({ containerID, state, lastState }) => [
    containerID,
    state.terminated.containerID,
    lastState.terminated.containerID,
  ]);
  return [...new Set(ids.filter((id) => id !== null))];
}
