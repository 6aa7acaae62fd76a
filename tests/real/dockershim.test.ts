import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TestCgroup } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { containerId, TestNode, whenTriggered } from "../support/cluster/node.ts";
import type { ContainerRequest, Event, Pod } from "../support/cluster/objects.ts";
import { TestGuard } from "../support/guard.ts";
import { scan } from "../support/look.ts";
import { missingDocker, missingNode } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const NODE = "node-docker";
const calm = (name: string, memory: string): ContainerRequest => ({
  name,
  args: ["sleep", "infinity"],
  limits: { memory },
});

describe.skipIf((missingDocker() ?? missingNode()) !== null)("pods of a kubelet that runs Docker", () => {
  let api: TestApiServer;
  let node: TestNode;
  let guard: TestGuard;

  beforeAll(async () => {
    api = await TestApiServer.start();
    node = await TestNode.start(api, NODE, { runtime: "docker" });
    guard = await TestGuard.start({
      roots: [node.kubepods],
      config: `cgroup_roots = ["${node.kubepods}"]
[runtime]
sockets = ["${node.containerd.socket}"]
[kubernetes]
kubeconfig = "${api.kubeconfig("guard", api.nodeUser(NODE))}"
node_name = "${NODE}"
`,
    });
  });

  afterAll(async () => {
    await guard?.stop();
    await node?.stop();
    await api?.stop();
  });

  const leaky = (trigger: string, megabytes: number, memory: string): ContainerRequest => ({
    name: "app",
    args: whenTriggered(trigger, `leak - ${megabytes} rate=200 hold`),
    requests: { memory: "20Mi" },
    limits: { memory },
  });

  async function sandboxOf({ metadata: { uid } }: Pod): Promise<string> {
    const labels = [`io.kubernetes.pod.uid=${uid}`, "io.kubernetes.docker.type=podsandbox"];
    const filters = labels.flatMap((label) => ["--filter", `label=${label}`]);
    return (await node.docker.docker(["ps", "--quiet", "--no-trunc", ...filters])).trim();
  }

  async function eventOf({ metadata: { uid } }: Pod, count: number): Promise<Event> {
    let events: Event[] = [];
    await until(
      `an Event with count ${count}`,
      async () => {
        const all = await api.events("default", "OomGuardKillContainer");
        events = all.filter(({ involvedObject }) => involvedObject.uid === uid);
        return events.some((event) => event.count === count);
      },
      40_000,
    );
    expect(events).toHaveLength(1);
    return events[0]!;
  }

  const restarted = (pod: Pod, times: number) =>
    node.waitPod(pod.metadata.name, ({ status }) =>
      Boolean(
        status.containerStatuses?.some(
          ({ name, restartCount, state }) =>
            name === "app" && restartCount === times && state?.running !== undefined,
        ),
      ),
    );

  const pidsOf = (pod: Pod, id: string) => new TestCgroup(`${node.cgroupOf(pod)}/${id}`).pids;

  test("an app beside a sidecar leaks, twice: killed, restarted, and one Event counts both", async () => {
    const pod = await node.runPod({
      name: "web",
      containers: [leaky("web", 400, "100Mi"), calm("proxy", "50Mi")],
    });
    const { name, uid } = pod.metadata;
    const sandbox = await sandboxOf(pod);
    const survivors = [...pidsOf(pod, sandbox), ...pidsOf(pod, containerId(pod, "proxy"))];
    expect(survivors).toHaveLength(2);
    const ids: string[] = [];
    let present = pod;
    for (const kills of [1, 2]) {
      const id = containerId(present, "app");
      ids.push(id);
      node.trigger("web");
      const cgroup = node.cgroupOf(present, "app");
      const kill = await guard.incident(cgroup, "kill");
      node.untrigger("web");
      expect(kill).toMatchObject({ containerId: id, podUid: uid });
      const event = await eventOf(pod, kills);
      expect(event.involvedObject).toMatchObject({
        ...{ kind: "Pod", namespace: "default", name, uid, fieldPath: "spec.containers{app}" },
      });
      expect(event.message).toContain(`killed container app of default/${name}`);
      const names = { namespace: "default", pod: name, podUid: uid, container: "app", containerId: id };
      expect(guard.incidents(cgroup)).toMatchObject([{ ...names, event: { state: "sent" } }]);
      present = await restarted(pod, kills);
      const status = present.status.containerStatuses?.find((it) => it.name === "app");
      expect(status?.lastState?.terminated).toMatchObject({ exitCode: 137, reason: "Error" });
    }
    expect(new Set([...ids, containerId(present, "app")]).size).toBe(3);
    expect([...pidsOf(pod, sandbox), ...pidsOf(pod, containerId(pod, "proxy"))]).toEqual(survivors);
    expect(present.status.containerStatuses?.find((it) => it.name === "proxy")?.restartCount).toBe(0);
  });

  test("an app that leaks from its start, sooner than kubelet tells of it: one Event of the container counts both", async () => {
    const pod = await node.runPod({
      name: "loop",
      containers: [{ name: "app", args: ["leak", "-", "400", "rate=400"], limits: { memory: "100Mi" } }],
    });
    const event = await eventOf(pod, 2);
    expect(event.involvedObject.fieldPath).toBe("spec.containers{app}");
    // It goes on: the last may not be told yet.
    const kills = guard.incidents(node.cgroupOf(pod)).filter(({ event }) => event.state === "sent");
    expect(new Set(kills.map(({ container }) => container))).toEqual(new Set(["app"]));
    expect(new Set(kills.map(({ containerId }) => containerId)).size).toBe(kills.length);
  });

  test("a pod at its limit, half of it in a volume in memory: its app dies, sidecar and sandbox live", async () => {
    const volume = "/volume";
    const pod = await node.runPod({
      name: "volume",
      memoryPath: volume,
      // What it leaves behind is nobody's but the pod's.
      initContainers: [
        {
          name: "fill",
          args: ["dd", "if=/dev/zero", `of=${volume}/data`, "bs=1M", "count=60"],
          limits: { memory: "100Mi" },
        },
      ],
      containers: [leaky("volume", 55, "60Mi"), calm("proxy", "40Mi")],
    });
    const sandbox = await sandboxOf(pod);
    const sandboxCgroup = `${node.cgroupOf(pod)}/${sandbox}`;
    const survivors = [...pidsOf(pod, sandbox), ...pidsOf(pod, containerId(pod, "proxy"))];
    const row = await scan(guard.configFile, node.cgroupOf(pod));
    expect(row).toMatchObject({ kind: "pod", pod: "volume", limitBytes: 100 * 2 ** 20 });
    // Without the init container's, which has ended by now.
    expect(row?.specLimitBytes).toBe(100 * 2 ** 20);
    // By nothing but what it runs: Docker tells containerd no labels.
    await node.docker.docker(["update", "--memory", "50m", "--memory-swap", "-1", sandbox]);
    expect(await scan(guard.configFile, sandboxCgroup)).toMatchObject({
      ...{ kind: "sandbox", pod: "volume", container: null, guardVictim: null },
    });

    node.trigger("volume");
    const kill = await guard.incident(node.cgroupOf(pod), "kill");
    node.untrigger("volume");
    expect(kill).toMatchObject({
      ...{ cgroup: node.cgroupOf(pod), limitBytes: 100 * 2 ** 20, containerId: containerId(pod, "app") },
      ...{ podUid: pod.metadata.uid },
    });
    expect(kill.victims.map(({ comm }) => comm)).toEqual(["leak"]);
    expect(new TestCgroup(node.cgroupOf(pod)).oomKills).toBe(0);
    const event = await eventOf(pod, 1);
    expect(event.involvedObject).toMatchObject({ name: "volume", fieldPath: "spec.containers{app}" });
    await restarted(pod, 1);
    expect([...pidsOf(pod, sandbox), ...pidsOf(pod, containerId(pod, "proxy"))]).toEqual(survivors);
    expect(guard.incidents(sandboxCgroup)).toEqual([]);
  });
});
