import { expect, test } from "bun:test";
import type { Identity } from "../../../src/discover/identity.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import type { NodeContainer } from "../../../src/kubernetes/node-pod.ts";
import { specMemory } from "../../../src/survey/spec-memory.ts";

const container = (name: string, requestBytes: number | null, limitBytes: number | null): NodeContainer => ({
  name,
  containerIds: [`id-${name}`],
  requestBytes,
  limitBytes,
});
const pods = new NodePods();
const pod = (uid: string, containers: NodeContainer[]) => ({
  ...{ namespace: "shop", name: uid, uid, nodeUid: uid, qos: null },
  containers,
});
pods.replaceAll([
  pod("full", [container("app", 100, 200), container("sidecar", 0, 50)]),
  pod("part", [container("app", 100, null), container("sidecar", null, 50)]),
  pod("empty", []),
]);

const of = (changes: Partial<Identity>): Identity => ({
  ...{ kind: "container", namespace: "shop", pod: "web", podUid: "full", container: null, containerId: null },
  qos: null,
  ...changes,
});

test.each<[string, Partial<Identity>, number | null, number | null]>([
  ["a container by its id", { containerId: "id-app" }, 100, 200],
  ["a request of nothing is known", { containerId: "id-sidecar" }, 0, 50],
  ["a container by its name, when its id is new", { containerId: "new", container: "app" }, 100, 200],
  ["a container whose spec says one of both", { podUid: "part", containerId: "id-app" }, 100, null],
  ["a container nobody told of", { containerId: "new" }, null, null],
  ["a container of a pod nobody told of", { podUid: "other", containerId: "id-app" }, null, null],
  ["a container of no pod", { podUid: null, containerId: "id-app" }, null, null],
  ["a pod: the sum", { kind: "pod" }, 100, 250],
  ["a pod with an unknown part: unknown", { kind: "pod", podUid: "part" }, null, null],
  ["a pod without containers", { kind: "pod", podUid: "empty" }, null, null],
  ["a sandbox has none", { kind: "sandbox", containerId: "id-app" }, null, null],
  ["what lies inside a container has none", { kind: "other", containerId: "id-app" }, null, null],
])("%s", (_, identity, requestBytes, specLimitBytes) => {
  expect(specMemory(of(identity), pods)).toEqual({ requestBytes, specLimitBytes });
});
