import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB } from "../support/cgroup.ts";
import { AnswerThief } from "../support/cluster/answer-thief.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { TestDocker } from "../support/cluster/docker.ts";
import { DockerLeak } from "../support/cluster/docker-leak.ts";
import type { Event, Pod } from "../support/cluster/objects.ts";
import { TestGuard } from "../support/guard.ts";
import { explain, scan } from "../support/look.ts";
import { missingApiServer, missingDocker } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const NODE = "node-a";
const PODS = /^\/api\/v1\/pods\?/;

// The pods are on paper: kubelet's part is to tell the API server which container is whose, and is played here. How a
// real one does it is in dockershim.test.ts.
describe.skipIf((missingDocker() ?? missingApiServer()) !== null)("Docker's containers in pods", () => {
  let api: TestApiServer;
  let docker: TestDocker;
  let thief: AnswerThief;
  let guard: TestGuard;

  beforeAll(async () => {
    api = await TestApiServer.start();
    await api.createNode(NODE);
    await api.createNamespace("spared");
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
    docker = await TestDocker.start();
    thief = await AnswerThief.start(api);
    const user = await api.serviceAccountUser("kube-system", "oomguard");
    const kubeconfig = api.kubeconfig("guard", user, { server: thief.url });
    guard = await TestGuard.start({
      roots: [docker.cgroupRoot],
      config: `cgroup_roots = ["${docker.cgroupRoot}"]
[runtime]
sockets = ["${docker.containerd.socket}"]
[kubernetes]
kubeconfig = "${kubeconfig}"
node_name = "${NODE}"
[[rule]]
namespace = "spared"
policy = "noop"
`,
    });
  });

  afterAll(async () => {
    await guard?.stop();
    thief?.stop();
    await docker?.stop();
    await api?.stop();
  });

  const createPod = (name: string, namespace = "default") => {
    const app = { name: "app", requests: { memory: "10Mi" }, limits: { memory: "100Mi" } };
    return api.createPod({ name, namespace, nodeName: NODE, containers: [app] });
  };

  /** Says what kubelet would: which container is the pod's. */
  async function tell({ metadata: { namespace, name } }: Pod, { id }: DockerLeak): Promise<void> {
    const status = { name: "app", ready: true, restartCount: 0, image: "none", imageID: "none" };
    await api.patchPodStatus(namespace, name, {
      phase: "Running",
      containerStatuses: [{ ...status, containerID: `docker://${id}` }],
    });
  }

  const kubepods = ({ metadata: { uid } }: Pod) => `${docker.cgroupRoot}/kubepods/burstable/pod${uid}`;

  async function removePod({ metadata: { namespace, name } }: Pod): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await api.request("DELETE", path, { gracePeriodSeconds: 0 });
  }

  const eventsOf = async ({ metadata: { uid } }: Pod): Promise<Event[]> =>
    (await api.events()).filter(({ involvedObject }) => involvedObject.uid === uid);

  async function expectEvent(pod: Pod, leak: DockerLeak): Promise<void> {
    let events: Event[] = [];
    await until(
      `an Event of ${pod.metadata.name}`,
      async () => {
        events = await eventsOf(pod);
        return events.length > 0;
      },
      40_000,
    );
    const { namespace, name, uid } = pod.metadata;
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      ...{ reason: "OomGuardKillContainer", count: 1, source: { host: NODE } },
      involvedObject: { kind: "Pod", namespace, name, uid, fieldPath: "spec.containers{app}" },
    });
    expect(events[0]?.message).toContain(`killed container app of ${namespace}/${name}`);
    await until("it is noted", () => guard.incidents(leak.cgroup)[0]?.event.state === "sent");
  }

  /** Waits until the guard has listed the pods once more. */
  async function listed(): Promise<void> {
    const before = thief.recorded("GET", PODS).length;
    await until("the pods are listed", () => thief.recorded("GET", PODS).length > before, 30_000);
    await Bun.sleep(200);
  }

  /** Containers whose incidents have no pod. Their entries are closed after a minute, which the other tests use. */
  const nobodys: DockerLeak[] = [];

  test("a container of nobody's, and one of a pod that was replaced before anybody asked: killed all the same", async () => {
    thief.inject({ method: "GET", path: PODS, forward: false, answer: "drop" });
    const replaced = await createPod("twice");
    nobodys.push(
      await DockerLeak.run(docker, "nobodys"),
      await DockerLeak.run(docker, "replaced", kubepods(replaced)),
    );
    await tell(replaced, nobodys[1]!);
    for (const leak of nobodys) {
      expect(await leak.leak()).toBe(0);
      const kill = await guard.incident(leak.cgroup, "kill");
      expect(kill).toMatchObject({ containerId: leak.id, namespace: null, pod: null, container: null });
      expect(kill.event.state).toBe("pending");
    }
    await removePod(replaced);
    await createPod("twice");
    thief.relent();
  });

  test.each([
    { kind: "in a path that tells no pod", inPath: false },
    { kind: "in a pod's path", inPath: true },
  ])("$kind: its names are everywhere", async ({ inPath }) => {
    const pod = await createPod(inPath ? "in-path" : "bare");
    const { namespace, name, uid } = pod.metadata;
    const leak = await DockerLeak.run(docker, name, inPath ? kubepods(pod) : undefined);
    await tell(pod, leak);
    await listed();
    const names = { namespace, pod: name, container: "app", containerId: leak.id };
    expect(await scan(guard.configFile, leak.cgroup)).toMatchObject({
      ...names,
      ...{ kind: "container", qos: "Burstable", requestBytes: 10 * MIB, specLimitBytes: 100 * MIB },
    });
    for (const target of [leak.id, `${namespace}/${name}/app`])
      expect(await explain(guard.configFile, target)).toMatchObject({ ...names, cgroup: leak.cgroup });

    expect(await leak.leak()).toBe(0);
    expect(await guard.incident(leak.cgroup, "kill")).toMatchObject({ ...names, podUid: uid });
    const said = `killed container app of ${namespace}/${name}`;
    await until("it is logged", () => guard.logged(said).length === 1);
    expect(guard.logged(said)[0]?.fields).toMatchObject(names);
    expect(await leak.ended()).toEqual({ ExitCode: 137, OOMKilled: false });
    await expectEvent(pod, leak);
  });

  test("killed before kubelet has told whose it is: the Event has the names all the same", async () => {
    const pods = [await createPod("late-bare"), await createPod("late-in-path")] as const;
    const leaks = [
      await DockerLeak.run(docker, "late-bare"),
      await DockerLeak.run(docker, "late-in-path", kubepods(pods[1])),
    ] as const;
    for (const leak of leaks) expect(await leak.leak()).toBe(0);
    await listed();
    for (const [index, pod] of pods.entries()) await tell(pod, leaks[index]!);
    for (const [index, pod] of pods.entries()) {
      const leak = leaks[index]!;
      await expectEvent(pod, leak);
      const { namespace, name, uid } = pod.metadata;
      expect(guard.incidents(leak.cgroup)[0]).toMatchObject({
        ...{ namespace, pod: name, podUid: uid, container: "app" },
      });
    }
  });

  test("a rule by namespace takes hold once the name is known", async () => {
    const pod = await createPod("spared", "spared");
    const leak = await DockerLeak.run(docker, "spared");
    expect((await scan(guard.configFile, leak.cgroup))?.policy).toBe("container");
    await tell(pod, leak);
    await listed();
    expect((await scan(guard.configFile, leak.cgroup))?.policy).toBe("noop");
    expect(await leak.leak()).toBe(1);
    expect(await leak.ended()).toEqual({ ExitCode: 137, OOMKilled: true });
    const named = { namespace: "spared", pod: "spared", container: "app" };
    expect(await guard.incident(leak.cgroup, "would-kill")).toMatchObject({
      ...named,
      event: { state: "off", reason: "noop" },
    });
    expect(await guard.incident(leak.cgroup, "kernel-oom")).toMatchObject(named);
    expect(guard.incidents(leak.cgroup)).toHaveLength(2);
  });

  test("two pods of one name, one after the other: each Event has its own uid", async () => {
    const [uids, ids] = [new Set<string>(), new Set<string>()];
    for (const round of [1, 2]) {
      const pod = await createPod("web");
      const leak = await DockerLeak.run(docker, `web-${round}`);
      await tell(pod, leak);
      expect(await leak.leak()).toBe(0);
      await expectEvent(pod, leak);
      expect(guard.incidents(leak.cgroup)[0]).toMatchObject({ pod: "web", podUid: pod.metadata.uid });
      uids.add(pod.metadata.uid);
      ids.add(leak.id);
      await removePod(pod);
    }
    expect([uids.size, ids.size]).toEqual([2, 2]);
    const events = (await api.events("default")).filter(({ involvedObject: { name } }) => name === "web");
    expect(new Set(events.map(({ involvedObject }) => involvedObject.uid))).toEqual(uids);
  });

  test("what nobody knows is closed after a minute, and nothing is posted", async () => {
    for (const { cgroup, id } of nobodys) {
      await until("it is closed", () => guard.incidents(cgroup)[0]?.event.state === "off", 90_000);
      expect(guard.incidents(cgroup)).toMatchObject([
        {
          containerId: id,
          pod: null,
          event: { attempts: 0, reason: "no pod of this node has this container" },
        },
      ]);
    }
    const posted = (await api.events()).map(({ involvedObject }) => involvedObject.name);
    expect(posted.filter((name) => !/^((late-)?(bare|in-path)|web|spared)$/.test(name))).toEqual([]);
    expect(thief.recorded("POST").filter(({ status }) => status !== 201)).toEqual([]);
  });
});
