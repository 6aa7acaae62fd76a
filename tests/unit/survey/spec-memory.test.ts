import { expect, test } from "bun:test";
import type { Identity } from "../../../src/discover/identity.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import type { ContainerKind, NodeContainer } from "../../../src/kubernetes/node-pod.ts";
import { specMemory } from "../../../src/survey/spec-memory.ts";

const container = (
  name: string,
  requestBytes: number | null,
  limitBytes: number | null,
  kind: ContainerKind = "app",
): NodeContainer => ({
  name,
  kind,
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
  pod("small-init", [
    container("a", 50, 200, "init"),
    container("b", 60, 90, "init"),
    container("app", 100, 200),
  ]),
  pod("large-init", [
    container("a", 50, 300, "init"),
    container("b", 160, 90, "init"),
    container("app", 100, 200),
  ]),
  pod("free-init", [container("a", null, null, "init"), container("app", 100, 200)]),
  pod("late-sidecar", [
    container("a", 120, 250, "init"),
    container("mesh", 40, 60),
    container("app", 100, 200),
  ]),
  pod("early-sidecar", [
    container("mesh", 40, 60),
    container("a", 120, 250, "init"),
    container("app", 100, 200),
  ]),
  pod("debugged", [container("app", 100, 200), container("debug", null, null, "ephemeral")]),
  pod("only-init", [container("a", 50, 300, "init")]),
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
  ["a pod whose init containers need less", { kind: "pod", podUid: "small-init" }, 100, 200],
  ["a pod whose largest init container needs more", { kind: "pod", podUid: "large-init" }, 160, 300],
  ["a pod whose init container does not say", { kind: "pod", podUid: "free-init" }, 100, 200],
  [
    "a pod with a sidecar started after its init container",
    { kind: "pod", podUid: "late-sidecar" },
    140,
    260,
  ],
  ["a pod with a sidecar that runs beside it", { kind: "pod", podUid: "early-sidecar" }, 160, 310],
  ["a pod that is looked into: as without", { kind: "pod", podUid: "debugged" }, 100, 200],
  ["a pod of which only init containers are told", { kind: "pod", podUid: "only-init" }, null, null],
  ["a pod without containers", { kind: "pod", podUid: "empty" }, null, null],
  ["a sandbox has none", { kind: "sandbox", containerId: "id-app" }, null, null],
  ["what lies inside a container has none", { kind: "other", containerId: "id-app" }, null, null],
])("%s", (_, identity, requestBytes, specLimitBytes) => {
  expect(specMemory(of(identity), pods)).toEqual({ requestBytes, specLimitBytes });
});
