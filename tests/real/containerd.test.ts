import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerNames } from "../../src/discover/container-names.ts";
import type { ContainerdError } from "../../src/discover/containerd/error.ts";
import type { ContainerdTiming } from "../../src/discover/containerd/options.ts";
import { readContainerdOnce } from "../../src/discover/containerd/read-once.ts";
import { ContainerdSource } from "../../src/discover/containerd/source.ts";
import { identifyCgroup } from "../../src/discover/identify.ts";
import { kubernetesLabels, TestContainerd } from "../support/containerd.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { patient, pause } from "../support/patience.ts";
import { missingContainerd } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(10_000));

const reason = missingContainerd();

const ROOT = `/oom-guard-test-${process.pid}`;
const PROC = { procRoot: "/proc", hierarchy: hierarchy.version } as const;
const UID = "0a1b2c3d-1111-2222-3333-444455556666";
const POD = `${ROOT}/kubepods/burstable/pod${UID}`;
const WEB = { namespace: "shop", name: "web-1", uid: UID, container: "nginx" };
const SLEEP = ["sleep", "1000"];
const QUICK: Partial<ContainerdTiming> = { backoffCapMs: 500, getMs: patient(1_000), listMs: patient(2_000) };

/** A source with what it reported. */
function follow(socket: string, timing: Partial<ContainerdTiming> = QUICK) {
  const names = new ContainerNames();
  const outages: ContainerdError[] = [];
  const recoveries: number[] = [];
  const callbacks = {
    onOutage: (error: ContainerdError) => outages.push(error),
    onRecovered: (outageMs: number) => recoveries.push(outageMs),
  };
  const source = new ContainerdSource({
    socket,
    namespaces: ["k8s.io", "moby"],
    names,
    callbacks,
    timing,
    ...PROC,
  });
  source.start();
  started.push(source);
  return { source, names, outages, recoveries };
}

const started: ContainerdSource[] = [];
afterEach(async () => {
  for (const source of started.splice(0)) await source.stop();
});

describe.skipIf(reason !== null)("a real containerd", () => {
  let containerd: TestContainerd;
  beforeAll(async () => {
    containerd = await TestContainerd.start();
  });
  afterAll(async () => containerd.stop());

  test("labels of a container and of a sandbox become names of their cgroups", async () => {
    const pid = await containerd.runContainer({
      id: "web",
      cgroup: `${POD}/web`,
      memoryLimitBytes: 64 << 20,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    const { container: _, ...pod } = WEB;
    await containerd.runContainer({
      id: "pause",
      cgroup: `${POD}/pause`,
      labels: kubernetesLabels(pod),
      args: SLEEP,
    });
    const { names, source } = follow(containerd.socket);
    await until("connected", () => source.connected);

    expect(names.byCgroup(`${POD}/web`)).toEqual({
      containerId: "web",
      runtimeNamespace: "k8s.io",
      cgroup: `${POD}/web`,
      initPid: pid,
      namespace: "shop",
      pod: "web-1",
      podUid: UID,
      container: "nginx",
      sandbox: false,
    });
    expect(identifyCgroup(`${POD}/web`, names)).toMatchObject({
      kind: "container",
      qos: "Burstable",
      container: "nginx",
    });
    expect(identifyCgroup(`${POD}/pause`, names)).toMatchObject({
      kind: "sandbox",
      pod: "web-1",
      container: null,
    });
    expect(identifyCgroup(POD, names)).toMatchObject({ kind: "pod", namespace: "shop", pod: "web-1" });
    await containerd.removeContainer("web");
    await containerd.removeContainer("pause");
  });

  test("a container without labels, in another namespace of containerd, is known by its id", async () => {
    await containerd.runContainer({ id: "plain", cgroup: `${ROOT}/x/plain`, args: SLEEP, namespace: "moby" });
    await containerd.runContainer({
      id: "unseen",
      cgroup: `${ROOT}/x/unseen`,
      args: SLEEP,
      namespace: "other",
    });
    const { names, source } = follow(containerd.socket);
    await until("connected", () => source.connected);
    expect(names.byCgroup(`${ROOT}/x/plain`)).toMatchObject({
      containerId: "plain",
      pod: null,
      sandbox: null,
    });
    expect(names.byCgroup(`${ROOT}/x/unseen`)).toBeUndefined();
    await containerd.removeContainer("plain", "moby");
    await containerd.removeContainer("unseen", "other");
  });

  test("a container that starts is named, without a resync, and forgotten step by step as it goes", async () => {
    const { names, source } = follow(containerd.socket, { ...QUICK, settleMs: 1 });
    await until("connected", () => source.connected);
    await pause(200);
    const cgroup = `${POD}/late`;
    const changed: string[] = [];
    names.onChange((change) => changed.push(...change.cgroups));

    await containerd.runContainer({ id: "late", cgroup, labels: kubernetesLabels(WEB), args: SLEEP });
    await until("named", () => names.byCgroup(cgroup)?.container === "nginx");
    expect(changed).toContain(cgroup);

    await containerd.removeTask("late");
    await until("its cgroup forgotten", () => names.byCgroup(cgroup) === undefined);
    expect(names.byContainerId("late")).toMatchObject({ cgroup: null, initPid: null, pod: "web-1" });

    await containerd.ctr(["containers", "rm", "late"]);
    await until("forgotten", () => names.byContainerId("late") === undefined);
    expect(names.size).toBe(0);
  });

  test("new labels become new names, and the cgroup stays", async () => {
    await containerd.runContainer({
      id: "relabel",
      cgroup: `${POD}/relabel`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    const { names, source } = follow(containerd.socket, { ...QUICK, settleMs: 1 });
    await until("connected", () => source.connected);
    await pause(200);
    await containerd.ctr(["containers", "label", "relabel", "io.kubernetes.container.name=other"]);
    await until("renamed", () => names.byCgroup(`${POD}/relabel`)?.container === "other");
    await containerd.removeContainer("relabel");
  });

  test("hostile labels cost the container its own names and no other's", async () => {
    const labels = {
      ...kubernetesLabels(WEB),
      "io.kubernetes.pod.name": "\u001b[2J\nweb",
      big: "x".repeat(4000),
    };
    await containerd.runContainer({ id: "hostile", cgroup: `${POD}/hostile`, labels, args: SLEEP });
    await containerd.runContainer({
      id: "good",
      cgroup: `${POD}/good`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    const { names, source } = follow(containerd.socket);
    await until("connected", () => source.connected);
    expect(names.byContainerId("hostile")).toMatchObject({
      pod: null,
      namespace: "shop",
      container: "nginx",
    });
    expect(names.byContainerId("good")).toMatchObject({ pod: "web-1" });
    await containerd.removeContainer("hostile");
    await containerd.removeContainer("good");
  });

  test("a process that is gone leaves the spec's cgroup", async () => {
    await containerd.runContainer({
      id: "spec",
      cgroup: `${POD}/spec`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    const names = await readContainerdOnce(
      containerd.socket,
      ["k8s.io"],
      { ...PROC, procRoot: "/nowhere" },
      2_000,
    );
    expect(names).toMatchObject([{ containerId: "spec", cgroup: `${POD}/spec` }]);
    await containerd.removeContainer("spec");
  });

  test("a killed and restarted containerd is one outage, and the names after it are the fresh ones", async () => {
    await containerd.runContainer({
      id: "stays",
      cgroup: `${POD}/stays`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    await containerd.runContainer({
      id: "goes",
      cgroup: `${POD}/goes`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    // A name of the socket's own for us, so that we can be kept out while the others are let in.
    const door = join(containerd.directory, "door.sock");
    symlinkSync(containerd.socket, door);
    const { names, source, outages, recoveries } = follow(door);
    await until("connected", () => source.connected);
    expect(outages).toEqual([]);

    rmSync(door);
    await containerd.crash();
    await until("outage reported", () => outages.length > 0);
    expect(source.connected).toBe(false);
    expect(names.byCgroup(`${POD}/goes`)?.container).toBe("nginx");
    expect(await source.resync()).toMatchObject({ name: "ContainerdError" });
    await containerd.startDaemon();
    // No event of this will ever reach us: only the fresh list can tell. Several attempts fail meanwhile.
    await containerd.removeContainer("goes");
    await pause(1_000);
    expect(recoveries).toEqual([]);

    symlinkSync(containerd.socket, door);
    await until("recovered", () => recoveries.length > 0);
    expect(names.byCgroup(`${POD}/goes`)).toBeUndefined();
    expect(names.byCgroup(`${POD}/stays`)?.container).toBe("nginx");
    expect([outages.length, recoveries.length]).toEqual([1, 1]);
    expect(recoveries[0]).toBeGreaterThan(1_000);
    await containerd.removeContainer("stays");
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "after a restart with %s, events are followed as before",
    async (how) => {
      const { names, source, outages, recoveries } = follow(containerd.socket, { ...QUICK, settleMs: 1 });
      await until("connected", () => source.connected);
      await containerd.crash(how);
      await until("outage reported", () => outages.length === 1);
      await containerd.startDaemon();
      await until("recovered", () => recoveries.length === 1);
      await pause(200);
      await containerd.runContainer({
        id: "after",
        cgroup: `${POD}/after`,
        labels: kubernetesLabels(WEB),
        args: SLEEP,
      });
      await until("named", () => names.byCgroup(`${POD}/after`)?.container === "nginx");
      await containerd.removeContainer("after");
      await until("forgotten", () => names.size === 0);
    },
  );

  test("a containerd that stops answering is an outage at the next resync, and its return the end of it", async () => {
    const { source, outages, recoveries } = follow(containerd.socket, { ...QUICK, getMs: 300 });
    await until("connected", () => source.connected);
    await containerd.freeze();
    try {
      const before = performance.now();
      expect(await source.resync()).toMatchObject({ reason: "unresponsive" });
      expect(performance.now() - before).toBeLessThan(patient(1_000));
      await pause(1_000);
      expect(outages.map((outage) => outage.reason)).toEqual(["unresponsive"]);
    } finally {
      containerd.thaw();
    }
    await until("recovered", () => recoveries.length === 1);
    expect(outages).toHaveLength(1);
  });

  test("a shim that hangs costs nobody a name: the spec says where its container is", async () => {
    await containerd.runContainer({
      id: "hung",
      cgroup: `${POD}/hung`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    await containerd.runContainer({
      id: "fine",
      cgroup: `${POD}/fine`,
      labels: kubernetesLabels(WEB),
      args: SLEEP,
    });
    const shim = containerd.shimOf("hung");
    process.kill(shim, "SIGSTOP");
    try {
      const { names, source, outages } = follow(containerd.socket, { ...QUICK, listMs: 1_000 });
      await until("connected", () => source.connected);
      expect(names.byCgroup(`${POD}/hung`)?.container).toBe("nginx");
      expect(names.byCgroup(`${POD}/fine`)?.container).toBe("nginx");
      expect(outages).toEqual([]);
    } finally {
      process.kill(shim, "SIGCONT");
    }
    await containerd.removeContainer("hung");
    await containerd.removeContainer("fine");
  });

  test("nothing is left after stop that would keep a process from ending", async () => {
    const library = join(import.meta.dir, "../../src/discover");
    const script = `
      const { ContainerdSource } = await import("${library}/containerd/source.ts");
      const { ContainerNames } = await import("${library}/container-names.ts");
      const options = { namespaces: ["k8s.io"], names: new ContainerNames(), procRoot: "/proc", hierarchy: ${hierarchy.version} };
      const sources = process.argv.slice(1).map((socket) => new ContainerdSource({ ...options, socket }));
      for (const source of sources) source.start();
      while (!sources[0].connected) await Bun.sleep(5);
      await Promise.all(sources.map((source) => source.stop()));
      console.log("stopped");`;
    const child = Bun.spawn([process.execPath, "-e", script, containerd.socket, "/nowhere.sock"], {
      stdout: "pipe",
    });
    expect(await new Response(child.stdout).text()).toBe("stopped\n");
    const before = performance.now();
    expect(await child.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(patient(500));
  });

  test("a hundred resyncs at once share one list", async () => {
    const { source } = follow(containerd.socket);
    await until("connected", () => source.connected);
    const results = await Promise.all(Array.from({ length: 100 }, () => source.resync()));
    expect(results.every((result) => result === null)).toBe(true);
  });
});

describe.skipIf(reason !== null)("a containerd that starts after us", () => {
  test("is one outage that says the socket is absent, then the names are there", async () => {
    const containerd = TestContainerd.prepare();
    try {
      const { source, outages, recoveries } = follow(containerd.socket);
      await until("outage reported", () => outages.length === 1);
      expect(outages[0]).toMatchObject({ reason: "absent", socket: containerd.socket });
      await pause(800);
      await containerd.startDaemon();
      await until("recovered", () => recoveries.length === 1);
      expect(source.connected).toBe(true);
      expect(outages).toHaveLength(1);
    } finally {
      await containerd.stop();
    }
  });
});

describe("a socket that is not containerd's", () => {
  const directory = mkdtempSync(join(tmpdir(), "oom-guard-socket-"));
  const socket = join(directory, "fake.sock");
  const connections: Socket[] = [];
  let server: Server | null = null;

  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.destroy();
    await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
    server = null;
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const listen = (onConnection: (connection: Socket) => void) =>
    new Promise<void>((resolve) => {
      server = createServer((connection) => {
        connections.push(connection);
        connection.on("error", () => undefined);
        onConnection(connection);
      }).listen(socket, resolve);
    });

  test("accepts and never answers: one outage, nothing blocks, stop ends it at once", async () => {
    await listen(() => undefined);
    const { source, outages } = follow(socket, { backoffCapMs: 50, getMs: 100, listMs: 100 });
    await until("outage reported", () => outages.length > 0);
    await until("tried again", () => connections.length >= 3);
    expect(outages.map((outage) => outage.reason)).toEqual(["unresponsive"]);
    expect(source.connected).toBe(false);
    const before = performance.now();
    await source.stop();
    expect(performance.now() - before).toBeLessThan(patient(100));
  });

  test("closes at once: one outage, and no busy loop", async () => {
    await listen((connection) => connection.destroy());
    const { outages } = follow(socket, { backoffCapMs: 300, getMs: 200, listMs: 200 });
    await until("outage reported", () => outages.length > 0);
    await Bun.sleep(1_000);
    expect(outages).toHaveLength(1);
    expect(connections.length).toBeLessThan(12);
  });

  test("answers garbage: one outage", async () => {
    await listen((connection) => connection.end("HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xfe"));
    const { outages } = follow(socket, { backoffCapMs: 50, getMs: 200, listMs: 200 });
    await until("outage reported", () => outages.length > 0);
    await pause(500);
    expect(outages).toHaveLength(1);
  });

  test("is a file that is no socket, or a directory: one outage each", async () => {
    for (const path of [join(directory, "file"), directory]) {
      await Bun.write(join(directory, "file"), "x");
      const { outages } = follow(path, { backoffCapMs: 50, getMs: 200, listMs: 200 });
      await until("outage reported", () => outages.length > 0);
      await pause(200);
      expect(outages).toHaveLength(1);
      expect(outages[0]?.reason).not.toBe("absent");
    }
  });

  test("a socket that nobody listens on any more: one outage that says so", async () => {
    const stale = join(directory, "stale.sock");
    const script = `require("node:net").createServer().listen("${stale}", () => process.kill(process.pid, "SIGKILL"))`;
    await Bun.spawn([process.execPath, "-e", script]).exited;
    const { outages } = follow(stale, { backoffCapMs: 50, getMs: 200, listMs: 200 });
    await until("outage reported", () => outages.length > 0);
    await pause(300);
    expect(outages.map((outage) => outage.reason)).toEqual(["refused"]);
    expect(await readContainerdOnce(stale, ["k8s.io"], PROC, 200)).toMatchObject({ reason: "refused" });
  });

  test("asked once, it answers with an error in time", async () => {
    await listen(() => undefined);
    const before = performance.now();
    expect(await readContainerdOnce(socket, ["k8s.io"], PROC, 200)).toMatchObject({ reason: "unresponsive" });
    expect(performance.now() - before).toBeLessThan(patient(1_000));
    expect(await readContainerdOnce(join(directory, "none"), ["k8s.io"], PROC, 200)).toMatchObject({
      reason: "absent",
    });
  });
});
