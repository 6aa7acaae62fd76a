import { describe, expect, test } from "bun:test";
import type { NamesChange } from "../../../src/discover/container-names.ts";
import { findPod } from "../../../src/discover/find-pod.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { container, pod } from "./pods.ts";

const web = pod("web", ["app", "sidecar"]);

/** A directory that noted what it told. */
function observed(max?: number): { pods: NodePods; changes: NamesChange[] } {
  const pods = new NodePods(max);
  const changes: NamesChange[] = [];
  pods.onChange((change) => changes.push(change));
  return { pods, changes };
}

test("a pod and its containers are found by the uid and the ids that the node uses", () => {
  const pods = new NodePods();
  pods.replaceAll([{ ...web, uid: "mirror" }]);
  const names = { namespace: "shop", pod: "web", podUid: "uid-web" };
  expect(pods.byPodUid("uid-web")).toEqual(names);
  expect(pods.byPodUid("mirror")).toBeUndefined();
  expect(pods.byContainerId("web-sidecar")).toEqual({ ...names, container: "sidecar" });
  expect(pods.pod("uid-web")).toMatchObject({ uid: "mirror", qos: "Burstable" });
  expect(pods.size).toBe(1);
});

test("every id of a container is known, those of ended runs too", () => {
  const pods = new NodePods();
  pods.replaceAll([pod("web", [container("app", ["first", "second"])])]);
  for (const id of ["first", "second"]) expect(pods.byContainerId(id)?.container).toBe("app");
});

test("an id that left the status of its pod is forgotten, so that a crash loop does not add up", () => {
  const pods = new NodePods();
  for (let run = 0; run < 3; run++) pods.replaceAll([pod("web", [container("app", [`run-${run}`])])]);
  expect(pods.byContainerId("run-0")).toBeUndefined();
  expect(pods.byContainerId("run-2")?.container).toBe("app");
});

describe("a pod that says it stands for a static pod", () => {
  const claim = { ...pod("thief"), namespace: "evil", nodeUid: "uid-web" };
  const copy = { ...pod("etcd"), uid: "copy", nodeUid: "hash" };

  test.each<[string, ReturnType<typeof pod>[][]]>([
    ["in the same list, before it", [[claim, web]]],
    ["in the same list, after it", [[web, claim]]],
    ["when it has just left the list", [[web], [claim]]],
  ])("does not take the uid of another pod: %s", (_, lists) => {
    const pods = new NodePods();
    for (const list of lists) pods.replaceAll(list);
    expect(pods.byPodUid("uid-web")?.pod).toBe("web");
    expect(pods.byContainerId("web-app")?.pod).toBe("web");
  });

  test("gives way to the pod whose uid it is", () => {
    const { pods, changes } = observed();
    pods.replaceAll([claim]);
    pods.replaceAll([claim, web]);
    expect(pods.byPodUid("uid-web")?.pod).toBe("web");
    expect(changes.at(-1)?.podUids).toEqual(["uid-web"]);
  });

  test("does not take it from the one that is known for it, and follows one that was made anew", () => {
    const pods = new NodePods();
    pods.replaceAll([copy]);
    pods.replaceAll([copy, { ...copy, name: "thief", uid: "other" }]);
    expect(pods.byPodUid("hash")?.pod).toBe("etcd");
    pods.replaceAll([{ ...copy, name: "etcd-2", uid: "other" }]);
    expect(pods.byPodUid("hash")?.pod).toBe("etcd-2");
  });
});

describe("told as changed", () => {
  const cgroups: string[] = [];
  test.each<[string, Parameters<NodePods["replaceAll"]>[0], NamesChange[]]>([
    ["is nothing, by the same list again", [web], []],
    ["is nothing, by a pod that left", [], []],
    [
      "is a new pod with all it has",
      [web, pod("new")],
      [{ cgroups, podUids: ["uid-new"], containerIds: ["new-app"] }],
    ],
    [
      "is a container that was started again, without its pod",
      [pod("web", [container("app", ["web-app", "again"]), "sidecar"])],
      [{ cgroups, podUids: [], containerIds: ["again"] }],
    ],
    ["is nothing, by another class or size", [{ ...web, qos: "Guaranteed" }], []],
  ])("%s", (_, list, expected) => {
    const { pods, changes } = observed();
    pods.replaceAll([web]);
    changes.length = 0;
    pods.replaceAll(list);
    expect(changes).toEqual(expected);
  });

  test("is nothing to who does not listen any more", () => {
    const pods = new NodePods();
    let told = 0;
    pods.onChange(() => told++)();
    pods.replaceAll([web]);
    expect(told).toBe(0);
  });
});

describe("a pod that left the list", () => {
  const after = (lists: number, last: readonly ReturnType<typeof pod>[] = []) => {
    const { pods, changes } = observed();
    pods.replaceAll([web]);
    for (let i = 0; i < lists; i++) pods.replaceAll(i === lists - 1 ? last : []);
    return { pods, changes };
  };

  test("is known for two further lists", () => {
    expect(after(2).pods.byContainerId("web-app")?.pod).toBe("web");
    expect(after(2).pods.byPodUid("uid-web")?.pod).toBe("web");
  });

  test("is forgotten with the third", () => {
    const { pods } = after(3);
    expect([pods.byContainerId("web-app"), pods.byPodUid("uid-web"), pods.pod("uid-web"), pods.size]).toEqual(
      [undefined, undefined, undefined, 0],
    );
  });

  test("and came back is as good as new, and no news", () => {
    const { pods, changes } = after(2, [web]);
    pods.replaceAll([]);
    pods.replaceAll([]);
    expect(pods.byPodUid("uid-web")?.pod).toBe("web");
    expect(changes.length).toBe(1);
  });
});

test("pods that come and go by the hundred leave nothing behind", () => {
  const pods = new NodePods();
  for (let list = 0; list < 100; list++) {
    pods.replaceAll(Array.from({ length: 100 }, (_, i) => pod(`p${list}-${i}`)));
    expect(pods.size).toBeLessThanOrEqual(300);
  }
  expect(pods.byContainerId("p96-0-app")).toBeUndefined();
  expect(pods.byContainerId("p97-0-app")).toBeDefined();
});

describe("more than fit", () => {
  const three = [pod("a"), pod("b"), pod("c")];

  test("are left out, and counted", () => {
    const pods = new NodePods(2);
    expect(pods.replaceAll(three)).toBe(1);
    expect(pods.size).toBe(2);
    expect(pods.byPodUid("uid-c")).toBeUndefined();
  });

  test("take the places of those that left", () => {
    const pods = new NodePods(2);
    pods.replaceAll([pod("a"), pod("b")]);
    expect(pods.replaceAll([pod("b"), pod("c")])).toBe(0);
    expect(pods.byContainerId("a-app")).toBeUndefined();
    expect(pods.byContainerId("c-app")).toBeDefined();
  });
});

describe("findPod", () => {
  const pods = new NodePods();
  pods.replaceAll([web, pod("db")]);
  const names = { namespace: "shop", pod: "web", podUid: "uid-web" };
  test.each<[string, string | null, string | null, object | null]>([
    ["the container by its id", "web-app", null, { ...names, container: "app" }],
    ["the container in its pod", "web-app", "uid-web", { ...names, container: "app" }],
    ["the pod alone by its uid", null, "uid-web", { ...names, container: null }],
    ["the pod when the container is new", "unheard", "uid-web", { ...names, container: null }],
    [
      "the pod it lies in, whatever another pod's status claims",
      "db-app",
      "uid-web",
      { ...names, container: null },
    ],
    ["nothing for a pod nobody told of", "db-app", "uid-other", null],
    ["nothing for nothing", null, null, null],
  ])("finds %s", (_, containerId, podUid, expected) => {
    expect(findPod({ containerId, podUid }, pods)).toEqual(expected as ReturnType<typeof findPod>);
  });
});
