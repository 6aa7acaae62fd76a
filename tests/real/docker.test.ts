import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TestDocker } from "../support/cluster/docker.ts";
import { DockerLeak } from "../support/cluster/docker-leak.ts";
import { TestGuard } from "../support/guard.ts";
import { explain, scan } from "../support/look.ts";
import { missingDocker } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

// Nothing leads to an API server.
const ENV = { KUBECONFIG: "", KUBERNETES_SERVICE_HOST: "" };
const KILLED = { ExitCode: 137, OOMKilled: false };

describe.skipIf(missingDocker() !== null)("containers of a host with Docker alone", () => {
  let docker: TestDocker;
  let guard: TestGuard;

  beforeAll(async () => {
    docker = await TestDocker.start();
    guard = await TestGuard.start({
      roots: [docker.cgroupRoot],
      config: `cgroup_roots = ["${docker.cgroupRoot}"]
        [runtime]
        sockets = ["${docker.containerd.socket}"]
        [kubernetes]
        kubeconfig = "auto"`,
      env: ENV,
    });
  });

  afterAll(async () => {
    await guard?.stop();
    await docker?.stop();
  });

  const known = (leak: DockerLeak) => ({
    ...{ kind: "kill", policy: "container", cgroup: leak.cgroup, limitBytes: leak.limitBytes },
    ...{ namespace: null, pod: null, podUid: null, container: null, containerId: leak.id },
    event: { state: "off", attempts: 0, name: null, reason: "no API server" },
  });

  async function expectKill(leak: DockerLeak): Promise<void> {
    expect(await leak.leak()).toBe(0);
    expect(await guard.incident(leak.cgroup, "kill")).toMatchObject(known(leak));
    expect(guard.incidents(leak.cgroup)).toHaveLength(1);
  }

  test("it says that nothing leads to an API server, once, as no reason to worry", () => {
    const said = guard.logged("no kubeconfig found");
    expect(said.map(({ level }) => level)).toEqual(["info"]);
  });

  test("one leaks: killed by the guard, found and told by its id", async () => {
    const leak = await DockerLeak.run(docker, "leaks");
    const row = await scan(guard.configFile, leak.cgroup, ENV);
    const seen = { kind: "container", namespace: null, pod: null, container: null, containerId: leak.id };
    expect(row).toMatchObject({ ...seen, policy: "container", limitBytes: leak.limitBytes });
    for (const target of [leak.id, leak.id.slice(0, 12), leak.cgroup])
      expect(await explain(guard.configFile, target, ENV)).toMatchObject({ ...seen, cgroup: leak.cgroup });

    await expectKill(leak);
    expect(await leak.ended()).toEqual(KILLED);
    const [kill] = guard.incidents(leak.cgroup);
    expect(kill?.victims.map(({ comm }) => comm)).toEqual(["leak"]);
    await until("it is logged", () => guard.logged("killed").length === 1);
    const [line] = guard.logged("killed");
    expect(line?.level).toBe("warn");
    expect(line?.fields).toMatchObject({ cgroup: leak.cgroup, containerId: leak.id, namespace: null });
  });

  test("dockerd and containerd are killed and come back: guarding goes on", async () => {
    const [first, second, third] = [
      await DockerLeak.run(docker, "first"),
      await DockerLeak.run(docker, "second"),
      await DockerLeak.run(docker, "third"),
    ];
    await docker.crash();
    await expectKill(first);
    await docker.containerd.crash();
    await until("the outage is said", () => guard.logged("no container names").length === 1);
    await expectKill(second);
    await docker.containerd.startDaemon();
    await until("the recovery is said", () => guard.logged("container names from").length === 1, 20_000);
    await docker.startDaemon();
    // Those that died meanwhile did not die of the kernel's OOM killer either.
    for (const leak of [first, second]) expect(await leak.ended()).toEqual(KILLED);
    const fourth = await DockerLeak.run(docker, "fourth");
    for (const leak of [third, fourth]) {
      await expectKill(leak);
      expect(await leak.ended()).toEqual(KILLED);
    }
  });
});
