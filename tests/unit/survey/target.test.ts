import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import type { ContainerName } from "../../../src/discover/container-name.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { findTarget, type TargetWorld } from "../../../src/survey/target.ts";
import { unsaid } from "../discover/pods.ts";
import { scratch } from "../record/tiny-disk.ts";

const UID = "11111111-2222-3333-4444-555555555555";
const OTHER_UID = "66666666-2222-3333-4444-555555555555";
const API_UID = "99999999-2222-3333-4444-555555555555";
const id = (digit: string) => digit.repeat(64);
const POD = `/kubepods/burstable/pod${UID}`;
const APP = `${POD}/${id("a")}`;
const SIDECAR = `${POD}/${id("b")}`;
const SANDBOX = `${POD}/${id("5")}`;
const LONELY = `/docker/${id("c")}`;
const PODLESS = `/custom/${id("d")}`;

const name = (changes: Partial<ContainerName>): ContainerName => ({
  runtimeNamespace: "k8s.io",
  initPid: null,
  containerId: id("a"),
  namespace: "default",
  pod: "web-0",
  podUid: UID,
  container: "app",
  sandbox: false,
  cgroup: APP,
  ...changes,
});

function world(changes: Partial<TargetWorld> = {}): TargetWorld {
  const names = new ContainerNames();
  const all = [
    name({}),
    name({ containerId: id("b"), container: "sidecar", cgroup: SIDECAR }),
    name({ containerId: id("5"), container: null, sandbox: true, cgroup: SANDBOX }),
    name({ containerId: id("d"), pod: "podless", podUid: OTHER_UID, container: "main", cgroup: PODLESS }),
  ];
  for (const each of all) names.upsert("socket", each);
  const pods = new NodePods();
  const job = {
    ...{ name: "job", kind: "app" as const, containerIds: [id("e")] },
    ...{ requestBytes: null, limitBytes: null },
  };
  pods.replaceAll([
    {
      namespace: "shop",
      name: "batch",
      uid: API_UID,
      nodeUid: API_UID,
      qos: null,
      ...unsaid,
      containers: [job],
    },
  ]);
  return {
    procRoot: "/nowhere",
    mount: "/sys/fs/cgroup/memory",
    hierarchy: 1,
    names,
    pods,
    cgroups: [
      "/kubepods",
      "/kubepods/burstable",
      POD,
      APP,
      SIDECAR,
      SANDBOX,
      "/docker",
      LONELY,
      `${LONELY}/init`,
      PODLESS,
      `/kubepods/pod${API_UID}`,
      `/kubepods/pod${API_UID}/${id("e")}`,
    ],
    ...changes,
  };
}

describe("finds", () => {
  test.each([
    ["a cgroup by its path", "/a/b", "/a/b"],
    ["a path that ends with slashes", "/a/b//", "/a/b"],
    ["a path with the mount before it", "/sys/fs/cgroup/memory/a/b", "/a/b"],
    ["a cgroup whose name begins like the mount's", "/sys/fs/cgroup/memoryx", "/sys/fs/cgroup/memoryx"],
    ["the root", "/", "/"],
    ["a pod, which stands for all its containers", "default/web-0", POD],
    ["a pod that only the API server knows", "shop/batch", `/kubepods/pod${API_UID}`],
    ["a container that only the API server knows", "shop/batch/job", `/kubepods/pod${API_UID}/${id("e")}`],
    ["one container of it", "default/web-0/sidecar", SIDECAR],
    ["the only container of a pod without a cgroup of its own", "default/podless", PODLESS],
    ["a container by its id", id("b"), SIDECAR],
    ["and by the beginning of it", "bbbb", SIDECAR],
    ["a container without names", "cccccccccccc", LONELY],
    ["a sandbox by its id", "5555a".slice(0, 4) + id("5").slice(4), SANDBOX],
  ])("%s", (_, target, cgroup) => {
    expect(findTarget(target, world())).toEqual({ ok: true, cgroup });
  });

  test("the cgroup of a process", () => {
    using proc = scratch();
    mkdirSync(`${proc.path}/42`);
    writeFileSync(`${proc.path}/42/cgroup`, "4:memory:/a/b\n0::/u\n");
    expect(findTarget("42", world({ procRoot: proc.path }))).toEqual({ ok: true, cgroup: "/a/b" });
    expect(findTarget("42", world({ procRoot: proc.path, hierarchy: 2 }))).toEqual({
      ok: true,
      cgroup: "/u",
    });
    writeFileSync(`${proc.path}/42/cgroup`, "1:cpu:/\n");
    expect(findTarget("42", world({ procRoot: proc.path }))).toEqual({
      ok: false,
      message: "process 42 is in no memory cgroup",
    });
  });
});

describe("does not guess", () => {
  test.each([
    ["a pid nobody has", "4194305", "there is no process 4194305"],
    ["a name nobody has", "default/nobody", "nothing on this node is called default/nobody"],
    [
      "a container the pod does not have",
      "default/web-0/db",
      "nothing on this node is called default/web-0/db",
    ],
    ["a pod of another namespace", "kube-system/web-0", "nothing on this node is called"],
    ["the beginning of a name", "default/web", "nothing on this node is called"],
    ["too many parts", "a/b/c/d", "a/b/c/d has too many parts"],
    ["too short an id", "bbb", "bbb is too short for a container id: at least 4"],
    ["an id nobody has", "feed", "nothing on this node is called feed"],
    ["nothing", "", " is too short"],
    ["digits too many for a pid", "12345678", "nothing on this node is called 12345678"],
  ])("%s", (_, target, message) => {
    const found = findTarget(target, world());
    expect(found.ok ? found.cgroup : found.message).toStartWith(message);
  });

  test("between two containers whose ids begin alike", () => {
    const cgroups = [`/docker/${id("c")}`, `/docker/cccc${id("e").slice(4)}`];
    const found = findTarget("cccc", world({ cgroups }));
    expect(found).toEqual({
      ok: false,
      message: `cccc may be any of ${cgroups.join(", ")}: name one of them`,
    });
  });
});
