import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MIB } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { containerId, TestNode, whenTriggered } from "../support/cluster/node.ts";
import type { ContainerRequest, Event, Pod } from "../support/cluster/objects.ts";
import { TestGuard } from "../support/guard.ts";
import { missingNode } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(240_000);

const NODE = "node-a";
const REASON = "OomGuardKillContainer";
const LEAK = "leak - 400 rate=300";

/** How many processes the kernel's OOM killer has shot since boot, on the whole machine. */
const kernelOomKills = () => Number(/^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1]);

describe.skipIf(missingNode() !== null)("pods of a real node", () => {
  let api: TestApiServer;
  let node: TestNode;
  let guard: TestGuard;
  let kubeconfig: string;

  const config = (path = kubeconfig) =>
    `[runtime]\nsockets = ["${node.containerd.socket}"]\n[kubernetes]\nkubeconfig = "${path}"\n`;

  beforeAll(async () => {
    api = await TestApiServer.start();
    node = await TestNode.start(api, NODE);
    kubeconfig = api.kubeconfig("guard", api.nodeUser(NODE));
    guard = await TestGuard.start({ roots: [node.kubepods], config: config() });
  });

  afterAll(async () => {
    await guard?.stop();
    await node?.stop();
    await api?.stop();
  });

  /** What `kubectl get events` shows of a pod. */
  async function eventsOf(pod: Pod): Promise<Event[]> {
    const selector = `--field-selector=reason=${REASON},involvedObject.name=${pod.metadata.name}`;
    return (await api.json<{ items: Event[] }>(["get", "events", selector])).items;
  }

  async function eventOf(pod: Pod): Promise<Event> {
    let events: Event[] = [];
    await until(`an Event of ${pod.metadata.name}`, async () => {
      events = await eventsOf(pod);
      return events.length > 0;
    });
    expect(events).toHaveLength(1);
    return events[0]!;
  }

  const app = (name: string, trigger: string): ContainerRequest => ({
    name,
    args: whenTriggered(trigger, LEAK),
    requests: { memory: "50Mi" },
    limits: { memory: "100Mi" },
  });
  const calm = (name: string, resources: Omit<ContainerRequest, "name" | "args"> = {}) => ({
    name,
    args: ["sleep", "infinity"],
    ...resources,
  });
  const memory = { memory: "100Mi", cpu: "100m" };

  const kinds: { kind: string; qos: string; containers: (trigger: string) => ContainerRequest[] }[] = [
    { kind: "single", qos: "Burstable", containers: (trigger) => [app("app", trigger)] },
    {
      kind: "sidecar",
      qos: "Burstable",
      containers: (trigger) => [calm("proxy", { limits: { memory: "50Mi" } }), app("app", trigger)],
    },
    {
      kind: "guaranteed",
      qos: "Guaranteed",
      containers: (trigger) => [{ ...app("app", trigger), requests: memory, limits: memory }],
    },
    {
      kind: "one-limit",
      qos: "Burstable",
      containers: (trigger) => [
        calm("free"),
        { ...app("app", trigger), requests: {}, limits: { memory: "100Mi" } },
      ],
    },
  ];

  test.each(kinds)(
    "$kind ($qos): killed by the guard, restarted by kubelet, explained by one Event",
    async ({ kind, qos, containers }) => {
      const trigger = `go-${kind}`;
      const before = kernelOomKills();
      const pod = await node.runPod({ name: `pod-${kind}`, containers: containers(trigger) });
      expect(pod.status.qosClass).toBe(qos);
      const id = containerId(pod, "app");
      node.trigger(trigger);
      const cgroup = node.cgroupOf(pod);
      const kill = await guard.incident(cgroup, "kill");
      node.untrigger(trigger);
      const restarted = await node.waitPod(pod.metadata.name, ({ status }) =>
        Boolean(status.containerStatuses?.some(({ restartCount }) => restartCount === 1)),
      );
      expect(kernelOomKills()).toBe(before);
      for (const { name, restartCount, lastState } of restarted.status.containerStatuses ?? []) {
        expect([name, restartCount]).toEqual([name, name === "app" ? 1 : 0]);
        // Error, not OOMKilled: the kernel had no part in it.
        if (name === "app") expect(lastState?.terminated).toMatchObject({ exitCode: 137, reason: "Error" });
      }
      const event = await eventOf(pod);
      expect(event).toMatchObject({
        type: "Warning",
        count: 1,
        source: { component: "oom-guard", host: NODE },
        reportingComponent: "oom-guard",
        involvedObject: {
          kind: "Pod",
          namespace: "default",
          name: pod.metadata.name,
          uid: pod.metadata.uid,
          fieldPath: "spec.containers{app}",
        },
      });
      expect(event.metadata.name).toBe(`${pod.metadata.name}.${kill.id}`);
      expect(event.message).toContain(`killed container app of default/${pod.metadata.name}`);
      expect(event.message).toContain("of 100M (threshold 98M");
      expect(event.message).toContain("leak (pid");
      expect(kill).toMatchObject({ containerId: id, podUid: pod.metadata.uid, limitBytes: 100 * MIB });
      await until("the Event is noted", () =>
        guard.incident(cgroup, "kill").then(({ event }) => event.state === "sent"),
      );
      const described = await api.kubectl(["describe", "pod", pod.metadata.name]);
      expect(described.slice(described.indexOf("Events:"))).toMatch(
        new RegExp(
          `Warning\\s+${REASON}\\s+.*oom-guard\\s+killed container app of default/${pod.metadata.name}`,
        ),
      );
    },
  );

  const shownBy = async (pod: Pod) => {
    const described = await api.kubectl(["describe", "pod", pod.metadata.name]);
    return described.slice(described.indexOf("Events:"));
  };

  test("a static pod: the Event has the uid under which kubectl describe looks for it", async () => {
    const mirror = await node.runStaticPod({ name: "static", containers: [app("app", "go-static")] });
    const hash = mirror.metadata.annotations?.["kubernetes.io/config.mirror"];
    expect(hash).not.toBe(mirror.metadata.uid);
    node.trigger("go-static");
    expect(await guard.incident(node.cgroupOf(mirror), "kill")).toMatchObject({ podUid: hash ?? "" });
    node.untrigger("go-static");
    const { involvedObject } = await eventOf(mirror);
    expect(involvedObject).toMatchObject({
      namespace: "default",
      name: mirror.metadata.name,
      uid: hash ?? "",
    });
    expect(await shownBy(mirror)).toContain(`killed container app of default/${mirror.metadata.name}`);
  });

  test("a child that the kernel kills in a container that goes on: the Event is all that tells of it", async () => {
    guard.configure(`${config()}[[rule]]\npod = "noop"\npolicy = "noop"\n`);
    guard.signal("SIGHUP");
    await until("it is read", () => guard.logged("configuration read again").length === 1);
    const pod = await node.runPod({
      name: "noop",
      containers: [
        // Without a limit, and so is the pod then: kubelet gives it the sum of all.
        calm("free"),
        { ...app("app", "go-noop"), args: whenTriggered("go-noop", `sh -c "${LEAK}; sleep infinity"`) },
      ],
    });
    node.trigger("go-noop");
    const kill = await guard.incident(node.cgroupOf(pod), "kernel-oom");
    node.untrigger("go-noop");
    expect(kill).toMatchObject({
      trigger: "kmsg",
      policy: "noop",
      pod: "noop",
      container: "app",
      containerId: containerId(pod, "app"),
      victims: [{ comm: "leak" }],
      scope: "container",
      silent: true,
    });
    await until("the Event is sent", () =>
      guard.incident(node.cgroupOf(pod), "kernel-oom").then(({ event }) => event.state === "sent"),
    );
    const shown = await shownBy(pod);
    expect(shown.match(/OomGuardKernelOomKill/g)).toHaveLength(1);
    expect(shown).toMatch(
      /Warning\s+OomGuardKernelOomKill\s+.*oom-guard\s+the kernel's OOM killer killed process leak .* in container app of default\/noop, which goes on without it: the container was at its limit, /,
    );
    const { status } = await node.waitPod("noop", () => true);
    expect(status.containerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0, 0]);
    await node.removePod("noop");
    guard.configure(config());
    guard.signal("SIGHUP");
    await until("it is read", () => guard.logged("configuration read again").length === 2);
  });

  test("a pod that is gone before its Event is sent: the Event tells of it, not of the next one of its name", async () => {
    const name = "pod-gone";
    const first = await node.runPod({ name, containers: [app("app", name)], restartPolicy: "Never" });
    const away = api.kubeconfig("away", api.nodeUser(NODE), { server: "https://127.0.0.1:1" });
    guard.configure(config(away));
    await guard.crash();
    await guard.restart();
    node.trigger(name);
    const { podUid, event } = await guard.incident(node.cgroupOf(first), "kill");
    node.untrigger(name);
    expect([podUid, event.state]).toEqual([first.metadata.uid, "pending"]);
    await node.removePod(name);
    const second = await node.runPod({ name, containers: [calm("app")] });
    guard.configure(config());
    guard.signal("SIGHUP");
    const { involvedObject } = await eventOf(first);
    expect(involvedObject).toMatchObject({ name, uid: first.metadata.uid });
    expect(involvedObject.uid).not.toBe(second.metadata.uid);
    expect(await shownBy(second)).not.toContain("killed");
    await node.removePod(name);
  });

  test("a container in CrashLoopBackOff: one Event with a rising count", async () => {
    const pod = await node.runPod({
      name: "pod-loop",
      containers: [{ name: "app", args: ["sh", "-c", `exec ${LEAK}`], limits: { memory: "100Mi" } }],
    });
    const counts: number[] = [];
    await until(
      "the third death is told",
      async () => {
        const events = await eventsOf(pod);
        expect(events.length).toBeLessThanOrEqual(1);
        const count = events[0]?.count ?? 0;
        if (count !== (counts.at(-1) ?? 0)) counts.push(count);
        return count >= 3;
      },
      120_000,
    );
    expect(counts).toEqual([1, 2, 3]);
    const { status } = await node.waitPod("pod-loop", ({ status }) =>
      Boolean(status.containerStatuses?.[0]?.state?.waiting),
    );
    expect(status.containerStatuses?.[0]?.state?.waiting?.reason).toBe("CrashLoopBackOff");
    await node.removePod("pod-loop");
  });

  test("the API server away for 60 s, 20 kills in 20 pods meanwhile: afterwards 20 Events, each once", async () => {
    const before = kernelOomKills();
    const names = Array.from({ length: 20 }, (_, index) => `away-${index}`);
    const pods = await Promise.all(
      names.map((name) => node.runPod({ name, containers: [app("app", name)], restartPolicy: "Never" })),
    );
    const complaints = guard.logged("cannot be reached").length;
    await api.stopServer();
    const stoppedMs = performance.now();
    for (const pod of pods) {
      node.trigger(pod.metadata.name);
      await guard.incident(node.cgroupOf(pod), "kill");
    }
    expect(guard.history().filter(({ event }) => event.state === "pending").length).toBeGreaterThanOrEqual(
      20,
    );
    await Bun.sleep(Math.max(0, 60_000 - (performance.now() - stoppedMs)));
    await api.startServer();
    await until(
      "every Event is sent",
      () => guard.history().every(({ kind, event }) => kind === "would-kill" || event.state === "sent"),
      90_000,
    );
    for (const pod of pods) {
      const events = await eventsOf(pod);
      expect(events.map(({ count, involvedObject }) => [count, involvedObject.uid])).toEqual([
        [1, pod.metadata.uid],
      ]);
    }
    expect(guard.logged("cannot be reached")).toHaveLength(complaints + 1);
    expect(kernelOomKills()).toBe(before);
  });
});
