import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerNames } from "../../../../src/discover/container-names.ts";
import type { ContainerdTiming } from "../../../../src/discover/containerd/options.ts";
import { ContainerdSource } from "../../../../src/discover/containerd/source.ts";
import { FakeContainerd } from "../../../support/fake-containerd.ts";
import { until } from "../../../support/until.ts";

const procRoot = mkdtempSync(join(tmpdir(), "oom-guard-proc-"));
afterAll(() => rmSync(procRoot, { recursive: true }));

/** Makes a process that is in a cgroup. */
function processIn(pid: number, cgroup: string): number {
  mkdirSync(join(procRoot, String(pid)), { recursive: true });
  writeFileSync(join(procRoot, String(pid), "cgroup"), `0::${cgroup}\n`);
  return pid;
}

describe("ContainerdSource", () => {
  let fake: FakeContainerd;
  let names: ContainerNames;
  let source: ContainerdSource;
  const truncations: [string, number][] = [];
  const reports: string[] = [];

  beforeEach(async () => {
    fake = new FakeContainerd();
    await fake.start();
    names = new ContainerNames(3);
    truncations.length = 0;
    reports.length = 0;
  });
  afterEach(async () => {
    await source.stop();
    await fake.stop();
  });

  const connect = async (timing: Partial<ContainerdTiming> = { settleMs: 60_000 }) => {
    const callbacks = {
      onOutage: () => reports.push("outage"),
      onRecovered: () => reports.push("recovered"),
      onTruncated: (...what: [string, number]) => truncations.push(what),
    };
    source = new ContainerdSource({
      socket: fake.socket,
      namespaces: ["k8s.io"],
      names,
      callbacks,
      timing,
      procRoot,
      hierarchy: 2,
    });
    source.start();
    await until("connected", () => source.connected);
  };

  test("reads a containerd that has no ListStream", async () => {
    fake.withoutListStream = true;
    fake.containers = [{ id: "a", pid: processIn(10, "/x/a") }];
    await connect();
    expect(names.byCgroup("/x/a")?.containerId).toBe("a");
  });

  test("a label that is not text does not hide the other containers", async () => {
    const bad = {
      "io.kubernetes.pod.name": new Uint8Array([0xff, 0x00]),
      "io.kubernetes.container.name": "c",
    };
    fake.containers = [
      { id: "bad", pid: processIn(10, "/x/bad"), labels: bad },
      { id: "good", pid: processIn(11, "/x/good"), labels: { "io.kubernetes.pod.name": "web" } },
    ];
    await connect();
    expect(names.byContainerId("bad")).toMatchObject({ pod: null, container: "c" });
    expect(names.byContainerId("good")).toMatchObject({ pod: "web" });
  });

  describe("without labels, what runs nothing but /pause", () => {
    const pause = { process: { args: ["/pause"] }, linux: { namespaces: [{ type: "ipc" }] } };
    const id = "5a".repeat(32);
    const pod = "/kubepods/burstable/pod11111111-2222-3333-4444-555555555555";
    const told = { "io.cri-containerd.kind": "container", "io.kubernetes.container.name": "idle" };
    test.each<[string, string, object, boolean | null]>([
      ["in a pod is its sandbox", `${pod}/${id}`, {}, true],
      ["is found by its id where it moved itself into a child", `${pod}/${id}/init`, {}, true],
      ["outside of pods is a container like others", `/docker/${id}`, {}, null],
      ["is what its labels say, if there are any", `${pod}/${id}`, { labels: told }, false],
      [
        "is no sandbox when a container's name is known",
        `${pod}/${id}`,
        { labels: { ...told, "io.cri-containerd.kind": "" } },
        null,
      ],
      ["needs the spec to say so", `${pod}/${id}`, { spec: {} }, null],
    ])("%s", async (_, cgroup, changes, sandbox) => {
      fake.containers = [{ id, pid: processIn(10, cgroup), spec: pause, ...changes }];
      await connect();
      expect(names.byContainerId(id)?.sandbox).toBe(sandbox);
    });
  });

  test("a start in the middle of a list is not undone by the list", async () => {
    await connect();
    const pid = processIn(10, "/x/new");
    fake.duringList = async () => {
      fake.duringList = () => undefined;
      fake.containers = [{ id: "new", pid }];
      fake.emitStart("new", pid);
      // Long enough for a name that did not wait for the list.
      await Bun.sleep(100);
    };
    // This list does not have the container yet.
    expect(await source.resync()).toBeNull();
    await until("named", () => names.byCgroup("/x/new") !== undefined);
    await Bun.sleep(50);
    expect(names.byCgroup("/x/new")?.containerId).toBe("new");
  });

  test("what happened before the subscription took hold is in a second list", async () => {
    await connect({ settleMs: 100 });
    fake.containers = [{ id: "missed", pid: processIn(10, "/x/missed") }];
    expect(names.size).toBe(0);
    await until("named", () => names.byCgroup("/x/missed") !== undefined, 1_000);
    expect(fake.lists).toBe(2);
  });

  test("the end of an earlier task says nothing of the present one", async () => {
    fake.containers = [{ id: "again", pid: processIn(11, "/x/again") }];
    await connect();
    fake.emitDelete("again", 10);
    fake.emitDelete("nobody", 10);
    await Bun.sleep(100);
    expect(names.byCgroup("/x/again")?.initPid).toBe(11);
    fake.emitDelete("again", 11);
    await until("stopped", () => names.byCgroup("/x/again") === undefined);
  });

  test("a start whose container is gone already leaves no name", async () => {
    fake.containers = [{ id: "a", pid: processIn(10, "/x/a") }];
    await connect();
    fake.containers = [];
    fake.emitStart("a", 12);
    await until("forgotten", () => names.size === 0);
    expect(source.connected).toBe(true);
  });

  test("a task without a process has the spec's cgroup; a container without a task has none", async () => {
    fake.containers = [
      { id: "fresh", pid: 4_000_000, cgroupsPath: "a-b.slice:cri-containerd:fresh" },
      { id: "idle", pid: 0, cgroupsPath: "/x/idle" },
    ];
    await connect();
    expect(names.byContainerId("fresh")?.cgroup).toBe("/a.slice/a-b.slice/cri-containerd-fresh.scope");
    expect(names.byContainerId("idle")).toMatchObject({ cgroup: null, initPid: null });
  });

  test("ids that containerd would not give are not kept", async () => {
    fake.containers = [{ id: "../x" }, { id: "" }, { id: "a".repeat(1000) }, { id: "a\nb" }, { id: "fine" }];
    await connect();
    expect(names.size).toBe(1);
  });

  test("more containers than are kept is said once, until they fit again", async () => {
    const many = ["a", "b", "c", "d", "e"].map((id) => ({ id, pid: 0 }));
    fake.containers = many;
    await connect();
    await source.resync();
    expect(truncations).toEqual([["k8s.io", 2]]);
    fake.containers = many.slice(0, 2);
    await source.resync();
    fake.containers = many;
    await source.resync();
    expect(truncations).toEqual([
      ["k8s.io", 2],
      ["k8s.io", 2],
    ]);
    expect(names.size).toBe(3);
  });

  test("each outage is reported once, and so is its end", async () => {
    await connect();
    for (const times of [1, 2]) {
      fake.drop();
      await until("recovered", () => reports.length === 2 * times);
      expect(source.connected).toBe(true);
    }
    expect(reports).toEqual(["outage", "recovered", "outage", "recovered"]);
  });

  test("stop ends the subscription and forgets nothing", async () => {
    fake.containers = [{ id: "a", pid: processIn(10, "/x/a") }];
    await connect();
    await until("subscribed", () => fake.subscribers === 1);
    await source.stop();
    await until("unsubscribed", () => fake.subscribers === 0);
    expect(names.byCgroup("/x/a")).toBeDefined();
    expect(source.connected).toBe(false);
  });
});
