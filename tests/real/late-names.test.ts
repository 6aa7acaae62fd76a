import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { kubernetesLabels, TestContainerd } from "../support/containerd.ts";
import { TestGuard } from "../support/guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { missingNode } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const NODE = "node-a";
const ID = "a".repeat(64);

describe.skipIf(missingNode() !== null)("a container that died while its runtime was away", () => {
  const top = TestCgroup.top();
  let api: TestApiServer;
  let containerd: TestContainerd;

  beforeAll(async () => {
    [api, containerd] = await Promise.all([TestApiServer.start(), TestContainerd.start()]);
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    await api.createNode(NODE);
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
  });

  afterAll(async () => {
    await containerd.stop();
    await api.stop();
    await top.remove();
  });

  test("gets its Event when the runtime is back, although no list of pods ever had it", async () => {
    const user = await api.serviceAccountUser("kube-system", "oomguard");
    const pod = await api.createPod({ name: "web-0", nodeName: NODE, containers: [{ name: "app" }] });
    const { uid, namespace } = pod.metadata;
    const cgroup = `${top.path}/kubepods/burstable/pod${uid}/${ID}`;
    await containerd.runContainer({
      id: ID,
      cgroup,
      memoryLimitBytes: 100 * MIB,
      labels: kubernetesLabels({ namespace, name: "web-0", uid, container: "app" }),
      args: ["sh", "-c", "sleep 3; exec leak - 300 rate=100"],
    });
    await containerd.crash();
    await api.deletePod(pod.metadata);
    const guard = await TestGuard.start({
      roots: [top.path],
      config: `[runtime]\nsockets = ["${containerd.socket}"]\n[kubernetes]\nkubeconfig = "${api.kubeconfig("guard", user)}"\nnode_name = "${NODE}"\n`,
    });
    expect(await guard.incident(cgroup, "kill")).toMatchObject({ pod: null, containerId: ID });
    await containerd.startDaemon();
    await until("the Event is sent", () => guard.history()[0]?.event.state === "sent", 60_000);
    const told = (await api.events()).filter(({ reason }) => reason.startsWith("OomGuard"));
    expect(told).toMatchObject([
      { involvedObject: { name: "web-0", namespace, uid, fieldPath: "spec.containers{app}" }, count: 1 },
    ]);
    expect(guard.history()).toMatchObject([{ pod: "web-0", namespace, container: "app" }]);
    await guard.stop();
  });
});
