import { expect, test } from "bun:test";
import type { Identity } from "../../../src/discover/identity.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import type { ContainerKind, NodeContainer, NodePod } from "../../../src/kubernetes/node-pod.ts";
import { podBytes, specMemory } from "../../../src/survey/spec-memory.ts";
import { unsaid } from "../discover/pods.ts";

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
const pod = (uid: string, containers: NodeContainer[], changes: Partial<NodePod> = {}): NodePod => ({
  ...{ namespace: "shop", name: uid, uid, nodeUid: uid, qos: null, ...unsaid },
  containers,
  ...changes,
});
const full = [container("app", 100, 200), container("sidecar", 0, 50)];
pods.replaceAll([
  pod("full", full),
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
  pod("overhead", full, { overheadBytes: 7 }),
  pod("unlimited", [container("app", 100, null)], { overheadBytes: 7 }),
  pod("whole", [container("app", null, null)], { requestBytes: 400, limitBytes: 800 }),
  pod("whole-overhead", full, { requestBytes: 400, overheadBytes: 7 }),
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
  ["a pod with an overhead", { kind: "pod", podUid: "overhead" }, 107, 257],
  ["a pod without a limit, with an overhead", { kind: "pod", podUid: "unlimited" }, 107, null],
  ["a pod that says it as a whole", { kind: "pod", podUid: "whole" }, 400, 800],
  ["a pod that says one as a whole", { kind: "pod", podUid: "whole-overhead" }, 407, 257],
  ["a container of a pod that says it as a whole", { podUid: "whole", containerId: "id-app" }, null, null],
  ["a pod without containers", { kind: "pod", podUid: "empty" }, null, null],
  ["a sandbox has none", { kind: "sandbox", containerId: "id-app" }, null, null],
  ["what lies inside a container has none", { kind: "other", containerId: "id-app" }, null, null],
])("%s", (_, identity, requestBytes, specLimitBytes) => {
  expect(specMemory(of(identity), pods)).toEqual({ requestBytes, specLimitBytes });
});

test.each<[string, string, number, number]>([
  ["all that is said", "full", 100, 250],
  ["what is not said counts for nothing", "part", 100, 50],
  ["nothing said at all", "empty", 0, 0],
  ["the overhead comes on top", "overhead", 107, 257],
  ["but makes no limit", "unlimited", 107, 0],
  ["the pod's own word before its containers'", "whole-overhead", 407, 257],
  ["an init container that needs more", "large-init", 160, 300],
  ["before there is another", "only-init", 50, 300],
])("as the scheduler counts: %s", (_, uid, requestBytes, limitBytes) => {
  const found = pods.pod(uid)!;
  expect([podBytes(found, "requestBytes"), podBytes(found, "limitBytes")]).toEqual([
    requestBytes,
    limitBytes,
  ]);
});
