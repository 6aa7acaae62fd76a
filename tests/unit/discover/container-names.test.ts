import { describe, expect, test } from "bun:test";
import type { ContainerName } from "../../../src/discover/container-name.ts";
import { ContainerNames, type NamesChange } from "../../../src/discover/container-names.ts";

const SOCKET = "/run/a.sock";

function name(containerId: string, fields: Partial<ContainerName> = {}): ContainerName {
  return {
    containerId,
    runtimeNamespace: "k8s.io",
    cgroup: `/${containerId}`,
    initPid: 1,
    namespace: null,
    pod: null,
    podUid: null,
    container: null,
    sandbox: null,
    ...fields,
  };
}

function recorded(names: ContainerNames): NamesChange[] {
  const changes: NamesChange[] = [];
  names.onChange((change) => changes.push(change));
  return changes;
}

describe("ContainerNames", () => {
  test("finds a container by cgroup, id and pod", () => {
    const names = new ContainerNames();
    const a = name("a", { podUid: "u" });
    names.upsert(SOCKET, a);
    expect(names.byCgroup("/a")).toBe(a);
    expect(names.byContainerId("a")).toBe(a);
    expect(names.byPodUid("u")).toBe(a);
    expect(names.get(SOCKET, "k8s.io", "a")).toBe(a);
    expect(names.get(SOCKET, "moby", "a")).toBeUndefined();
  });

  test("forgets where a container was when it moves or stops", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a"));
    names.upsert(SOCKET, name("a", { cgroup: "/b" }));
    expect(names.byCgroup("/a")).toBeUndefined();
    names.upsert(SOCKET, name("a", { cgroup: null, initPid: null }));
    expect(names.byCgroup("/b")).toBeUndefined();
    expect(names.byContainerId("a")?.cgroup).toBeNull();
    expect(names.size).toBe(1);
  });

  test("forgets a removed container everywhere", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a", { podUid: "u" }));
    names.remove(SOCKET, "k8s.io", "a");
    expect([names.byCgroup("/a"), names.byContainerId("a"), names.byPodUid("u")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(names.size).toBe(0);
  });

  test("a fresh list drops what it does not hold, in its own set only", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("old"));
    names.upsert(SOCKET, name("docker", { runtimeNamespace: "moby" }));
    names.upsert("/run/b.sock", name("elsewhere"));
    names.replaceAll(SOCKET, "k8s.io", [name("new")]);
    expect(names.byCgroup("/old")).toBeUndefined();
    expect(names.byCgroup("/new")).toBeDefined();
    expect(names.byCgroup("/docker")).toBeDefined();
    expect(names.byCgroup("/elsewhere")).toBeDefined();
  });

  test("forgets one socket and no other whose path merely begins alike", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a"));
    names.upsert(SOCKET, name("b", { runtimeNamespace: "moby" }));
    names.upsert(`${SOCKET}.2`, name("c"));
    names.forgetSocket(SOCKET);
    expect(names.size).toBe(1);
    expect(names.byContainerId("c")).toBeDefined();
  });

  test("where two share a cgroup the later answers, and the earlier again when it is gone", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a", { cgroup: "/same" }));
    names.upsert(SOCKET, name("b", { cgroup: "/same" }));
    expect(names.byCgroup("/same")?.containerId).toBe("b");
    names.remove(SOCKET, "k8s.io", "b");
    expect(names.byCgroup("/same")?.containerId).toBe("a");
  });

  test("a change names the cgroup left as well as the one entered", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a", { podUid: "u" }));
    const changes = recorded(names);
    names.upsert(SOCKET, name("a", { cgroup: "/b", podUid: "u" }));
    expect(changes).toEqual([{ cgroups: ["/a", "/b"], containerIds: ["a"], podUids: ["u"] }]);
  });

  test("what changes nothing is not reported", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a"));
    const changes = recorded(names);
    names.upsert(SOCKET, name("a"));
    names.replaceAll(SOCKET, "k8s.io", [name("a")]);
    names.remove(SOCKET, "k8s.io", "nobody");
    names.forgetSocket("/nowhere");
    expect(changes).toEqual([]);
  });

  test("a fresh list is one change", () => {
    const names = new ContainerNames();
    names.upsert(SOCKET, name("a"));
    names.upsert(SOCKET, name("b"));
    const changes = recorded(names);
    names.replaceAll(SOCKET, "k8s.io", [name("b"), name("c")]);
    expect(changes).toEqual([{ cgroups: ["/a", "/c"], containerIds: ["a", "c"], podUids: [] }]);
  });

  test("a listener that has gone hears nothing", () => {
    const names = new ContainerNames();
    const changes: NamesChange[] = [];
    names.onChange((change) => changes.push(change))();
    names.upsert(SOCKET, name("a"));
    expect(changes).toEqual([]);
  });

  test("does not grow past its bound, and says what it left out", () => {
    const names = new ContainerNames(2);
    expect(names.replaceAll(SOCKET, "k8s.io", [name("a"), name("b"), name("c")])).toBe(1);
    expect(names.upsert(SOCKET, name("d"))).toBe(false);
    expect(names.upsert(SOCKET, name("b", { initPid: 9 }))).toBe(true);
    expect(names.size).toBe(2);
    names.remove(SOCKET, "k8s.io", "a");
    expect(names.upsert(SOCKET, name("d"))).toBe(true);
  });
});
