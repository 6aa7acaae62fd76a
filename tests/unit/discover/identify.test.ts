import { describe, expect, test } from "bun:test";
import type { ContainerName } from "../../../src/discover/container-name.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { identify, identifyCgroup } from "../../../src/discover/identify.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { unsaid } from "./pods.ts";

const ID = "3f4a".repeat(16);
const UID = "0a1b2c3d-1111-2222-3333-444455556666";
const POD = `/kubepods/burstable/pod${UID}`;
const PATH = `${POD}/${ID}`;

const web: ContainerName = {
  containerId: ID,
  runtimeNamespace: "k8s.io",
  cgroup: PATH,
  initPid: 7,
  namespace: "shop",
  pod: "web-1",
  podUid: UID,
  container: "nginx",
  sandbox: false,
};
const pause: ContainerName = { ...web, containerId: "5a".repeat(32), container: null, sandbox: true };
const full = {
  namespace: "shop",
  pod: "web-1",
  podUid: UID,
  container: "nginx",
  containerId: ID,
  qos: "Burstable",
};
const nameless = { namespace: null, pod: null, container: null };

describe("identify", () => {
  test("without a name, the path alone speaks", () => {
    expect(identify(PATH, undefined)).toEqual({
      kind: "container",
      ...nameless,
      podUid: UID,
      containerId: ID,
      qos: "Burstable",
    });
  });

  test("the runtime's names complete the path's", () => {
    expect(identify(PATH, web)).toEqual({ kind: "container", ...full } as ReturnType<typeof identify>);
  });

  test("a sandbox is told from a container by its label", () => {
    const identity = identify(`${POD}/${pause.containerId}`, {
      ...pause,
      cgroup: `${POD}/${pause.containerId}`,
    });
    expect(identity).toMatchObject({ kind: "sandbox", pod: "web-1", container: null });
  });

  test("a container whose task is not known yet is found by its id", () => {
    expect(identify(PATH, { ...web, cgroup: null, initPid: null })).toMatchObject({
      kind: "container",
      pod: "web-1",
    });
  });

  test("a container on an arbitrary path is a container, without a class", () => {
    const name = { ...web, containerId: "plain", cgroup: "/mine/x", podUid: null };
    expect(identify("/mine/x", name)).toMatchObject({ kind: "container", containerId: "plain", qos: null });
  });

  test("a pod gets the pod's names and no container", () => {
    expect(identify(POD, web)).toEqual({
      kind: "pod",
      namespace: "shop",
      pod: "web-1",
      podUid: UID,
      container: null,
      containerId: null,
      qos: "Burstable",
    });
  });

  test("a pod's path stays a pod's even when a container runs in it directly", () => {
    expect(identify(POD, { ...web, cgroup: POD })).toMatchObject({
      kind: "pod",
      container: null,
      containerId: null,
    });
  });

  test("a cgroup inside a container is other, with the container's names", () => {
    expect(identify(`${PATH}/init.scope`, web)).toEqual({ kind: "other", ...full } as ReturnType<
      typeof identify
    >);
  });

  test("a name of something else is ignored", () => {
    expect(identify("/docker/0123abcd", web)).toMatchObject({
      kind: "container",
      ...nameless,
      containerId: "0123abcd",
    });
    expect(identify(`${PATH}x`, { ...web, podUid: null })).toMatchObject(nameless);
  });
});

describe("identifyCgroup", () => {
  const names = new ContainerNames();
  names.upsert("/sock", web);
  names.upsert("/sock", { ...web, containerId: "plain", cgroup: "/mine/x", podUid: null, container: "tool" });

  test.each<[string, string, object]>([
    ["by cgroup", PATH, { kind: "container", container: "nginx" }],
    [
      "by the id in the path, wherever it is mounted",
      `/node/kubepods/pod${UID}/${ID}`,
      { container: "nginx" },
    ],
    ["the pod by its UID", POD, { kind: "pod", pod: "web-1", container: null }],
    [
      "a neighbour in the same pod by the pod's UID",
      `${POD}/${"77".repeat(32)}`,
      { pod: "web-1", container: null },
    ],
    ["what lies in a container on an arbitrary path", "/mine/x/a/b", { kind: "other", container: "tool" }],
    ["nothing for what only begins alike", "/mine/xy", { kind: "other", container: null }],
  ])("finds %s", (_, path, expected) => {
    expect(identifyCgroup(path, names)).toMatchObject(expected);
  });
});

describe("identifyCgroup with the API server's pods", () => {
  const pods = new NodePods();
  const spec = { requestBytes: null, limitBytes: null };
  pods.replaceAll([
    {
      ...{ namespace: "api", name: "web-api", uid: UID, nodeUid: UID, qos: "Guaranteed", ...unsaid },
      containers: [
        { name: "main", kind: "app" as const, containerIds: [ID], ...spec },
        { name: "odd", kind: "app" as const, containerIds: ["0dd0".repeat(16)], ...spec },
      ],
    },
  ]);
  const docker: ContainerName = {
    ...{ ...web, runtimeNamespace: "moby", sandbox: null },
    ...{ namespace: null, pod: null, podUid: null, container: null },
  };
  const fromApi = { namespace: "api", pod: "web-api", podUid: UID };
  const other = "77".repeat(32);

  test.each<[string, string, readonly ContainerName[], object]>([
    [
      "a container by the id in its path, without any runtime",
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice/crio-${ID}.scope`,
      [],
      { ...fromApi, kind: "container", container: "main", containerId: ID, qos: "Burstable" },
    ],
    ["Docker's container", PATH, [docker], { ...fromApi, kind: "container", container: "main" }],
    [
      "a container outside of pods' cgroups by the runtime's id",
      "/mine/x",
      [{ ...docker, cgroup: "/mine/x" }],
      { ...fromApi, kind: "container", container: "main", qos: "Guaranteed" },
    ],
    [
      "what lies in a container",
      `${PATH}/init.scope`,
      [docker],
      { ...fromApi, kind: "other", container: "main" },
    ],
    ["a pod by its UID", POD, [], { ...fromApi, kind: "pod", container: null, containerId: null }],
    [
      "a container that is new to the API server: its pod only",
      `${POD}/${other}`,
      [],
      { ...fromApi, kind: "container", container: null, containerId: other },
    ],
    [
      "a sandbox: its pod, and it stays one",
      `${POD}/${other}`,
      [{ ...docker, containerId: other, cgroup: `${POD}/${other}`, sandbox: true }],
      { ...fromApi, kind: "sandbox", container: null },
    ],
    [
      "a container that looks like a sandbox to the runtime",
      PATH,
      [{ ...docker, sandbox: true }],
      { ...fromApi, kind: "container", container: "main" },
    ],
    [
      "nothing against the labels, but the class that a path without one does not tell",
      "/mine/x",
      [{ ...web, cgroup: "/mine/x" }],
      { namespace: "shop", pod: "web-1", podUid: UID, container: "nginx", qos: "Guaranteed" },
    ],
    [
      "nothing against a label that calls it a sandbox",
      PATH,
      [{ ...web, container: null, sandbox: true }],
      { namespace: "shop", kind: "sandbox", container: null },
    ],
    [
      "no names from another pod than the one it lies in",
      `/kubepods/burstable/pod99999999-1111-2222-3333-444455556666/${ID}`,
      [],
      { namespace: null, pod: null, container: null, qos: "Burstable" },
    ],
    ["nothing where nothing is known", "/docker/0123abcd", [], { ...nameless, podUid: null, qos: null }],
  ])("gives %s", (_, path, runtime, expected) => {
    const names = new ContainerNames();
    for (const name of runtime) names.upsert("/sock", name);
    expect(identifyCgroup(path, names, pods)).toMatchObject(expected);
  });
});
