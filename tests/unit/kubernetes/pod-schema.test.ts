import { describe, expect, test } from "bun:test";
import { readPod } from "../../../src/kubernetes/pod-schema.ts";
import { unsaid } from "../discover/pods.ts";

const metadata = { namespace: "shop", name: "cart-7", uid: "2b1c-4d" };
const bare = { metadata, spec: { containers: [{ name: "app" }] } };
const container = {
  ...{ name: "app", kind: "app" as const, containerIds: [] },
  ...{ requestBytes: null, limitBytes: null },
};
const plain = { ...metadata, nodeUid: metadata.uid, qos: null, ...unsaid, containers: [container] };

test("everything that is wanted is taken, of all kinds of containers", () => {
  const pod = readPod({
    metadata: { ...metadata, labels: { x: "y" }, annotations: { "kubernetes.io/config.mirror": "abc123" } },
    spec: {
      initContainers: [{ name: "init" }, { name: "sidecar", restartPolicy: "Always" }],
      containers: [
        {
          name: "app",
          image: "x",
          resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "1.5G" } },
        },
      ],
      ephemeralContainers: [{ name: "debug" }],
      overhead: { cpu: "250m", memory: "128Mi" },
      resources: { requests: { memory: "2Gi" }, limits: { cpu: "1", memory: "4Gi" } },
    },
    status: {
      qosClass: "Burstable",
      initContainerStatuses: [
        { name: "init", containerID: "docker://i1", state: { terminated: { containerID: "docker://i1" } } },
      ],
      containerStatuses: [
        {
          name: "app",
          containerID: "containerd://a2",
          state: { running: {} },
          lastState: { terminated: { containerID: "containerd://a1", reason: "OOMKilled" } },
        },
      ],
      ephemeralContainerStatuses: [
        { name: "debug", containerID: "containerd://d1", state: {}, lastState: {} },
      ],
    },
  });
  expect(pod).toEqual({
    ...metadata,
    nodeUid: "abc123",
    qos: "Burstable",
    hasEnded: false,
    overheadBytes: 128 * 2 ** 20,
    requestBytes: 2 ** 31,
    limitBytes: 2 ** 32,
    containers: [
      { ...container, name: "init", kind: "init", containerIds: ["i1"] },
      { ...container, name: "sidecar" },
      { name: "app", kind: "app", containerIds: ["a2", "a1"], requestBytes: 2 ** 30, limitBytes: 1.5e9 },
      { ...container, name: "debug", kind: "ephemeral", containerIds: ["d1"] },
    ],
  });
});

test.each([
  ["that has no status yet", bare],
  ["whose lists are null", { ...bare, status: { containerStatuses: null } }],
  ["without annotations", { ...bare, metadata: { ...metadata, annotations: null } }],
  [
    "with a strange mirror annotation",
    { ...bare, metadata: { ...metadata, annotations: { "kubernetes.io/config.mirror": "../x" } } },
  ],
  ["of an unknown class", { ...bare, status: { qosClass: "Best" } }],
  [
    "whose container was not created yet",
    { ...bare, status: { containerStatuses: [{ name: "app", containerID: "" }] } },
  ],
  [
    "with an id that can be none",
    { ...bare, status: { containerStatuses: [{ name: "app", containerID: "docker://../x" }] } },
  ],
  [
    "with a limit that is none",
    { ...bare, spec: { containers: [{ name: "app", resources: { limits: { memory: "lots" } } }] } },
  ],
  [
    "with a limit that is a number",
    { ...bare, spec: { containers: [{ name: "app", resources: { limits: { memory: 7 } } }] } },
  ],
  [
    "with an odd restart policy of a container",
    { ...bare, spec: { containers: [{ name: "app", restartPolicy: 7 }] } },
  ],
  [
    "with a status of a container it does not have",
    { ...bare, status: { containerStatuses: [{ name: "b", containerID: "docker://b" }] } },
  ],
])("a pod %s is read for what it says", (_, value) => {
  expect(readPod(value)).toEqual(plain);
});

test.each([
  ["Pending", false],
  ["Running", false],
  ["Succeeded", true],
  ["Failed", true],
  ["Unknown", false],
  [7, false],
])("a pod that is %s: has it ended? %p", (phase, hasEnded) => {
  expect(readPod({ ...bare, status: { phase } })).toEqual({ ...plain, hasEnded });
});

describe("no pod:", () => {
  test.each([
    ["null", null],
    ["text", "pod"],
    ["no metadata", { spec: bare.spec }],
    ["no spec", { metadata }],
    ["no uid", { ...bare, metadata: { namespace: "a", name: "b" } }],
    ["a namespace with a slash", { ...bare, metadata: { ...metadata, namespace: "a/b" } }],
    ["a name that escapes", { ...bare, metadata: { ...metadata, name: "\x1b[2J" } }],
    ["a name of two lines", { ...bare, metadata: { ...metadata, name: "a\nb" } }],
    ["a container's name with a dot", { ...bare, spec: { containers: [{ name: "a.b" }] } }],
  ])("%s", (_, value) => {
    expect(readPod(value)).toBeNull();
  });
});
