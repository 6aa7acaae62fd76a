import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { kubernetesLabels, TestContainerd } from "../support/containerd.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { compileLeak, compileStaticLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { missingContainerd } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(120_000));

const id = (digit: string) => digit.repeat(64);
const uid = (digit: string) => `11111111-2222-3333-4444-${digit.repeat(12)}`;

describe.skipIf(missingContainerd() !== null)("real containers", () => {
  const root = `/oom-guard-containers-${process.pid}`;
  let containerd: TestContainerd;
  let guard: TestGuard;

  const config = () => `[runtime]\nsockets = ["${containerd.socket}"]\n`;

  beforeAll(async () => {
    containerd = await TestContainerd.start();
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    guard = await TestGuard.start({ roots: [root], config: config() });
  });

  afterAll(async () => {
    await guard.stop();
    await containerd.stop();
  });

  async function run(options: {
    digit: string;
    pod: string;
    container?: string;
    args: string[];
    limit?: number;
  }) {
    const { digit, pod, container, args, limit } = options;
    const cgroup = `${root}/kubepods/burstable/pod${uid(pod.slice(-1))}/${id(digit)}`;
    await containerd.runContainer({
      id: id(digit),
      cgroup,
      ...(limit === undefined ? {} : { memoryLimitBytes: limit }),
      labels: kubernetesLabels({
        namespace: "shop",
        name: pod,
        uid: uid(pod.slice(-1)),
        ...(container === undefined ? {} : { container }),
      }),
      args,
    });
    return cgroup;
  }

  const leakAfterStart = (megabytes: number) => ["sh", "-c", `sleep 1; exec leak - ${megabytes} rate=400`];

  test("a container with Kubernetes labels leaks: killed, and named in the log, in scan and in the history", async () => {
    const cgroup = await run({
      digit: "a",
      pod: "web-1",
      container: "app",
      args: leakAfterStart(400),
      limit: 200 * MIB,
    });
    const scan = Bun.spawnSync([
      BINARY,
      "scan",
      "--json",
      "--config",
      guard.configFile,
      "--cgroup-root",
      root,
    ]);
    const rows = JSON.parse(scan.stdout.toString()).cgroups;
    expect(rows).toContainEqual(
      expect.objectContaining({
        cgroup,
        kind: "container",
        namespace: "shop",
        pod: "web-1",
        container: "app",
        containerId: id("a"),
        qos: "Burstable",
        policy: "container",
      }),
    );
    const control = new TestCgroup(cgroup);
    const kill = await guard.incident(cgroup, "kill");
    expect(kill).toMatchObject({
      namespace: "shop",
      pod: "web-1",
      container: "app",
      containerId: id("a"),
      limitBytes: 200 * MIB,
    });
    expect(kill.victims[0]?.comm).toBe("leak");
    expect(control.oomKills).toBe(0);
    // Stored first, then told.
    await until("the kill is logged", () => guard.logged("killed").length === 1);
    const [line] = guard.logged("killed");
    expect(line?.msg).toContain("container app of shop/web-1");
    expect(line?.fields).toMatchObject({ namespace: "shop", pod: "web-1", container: "app" });
    await until("the death is noted", () => guard.incidents(cgroup)[0]?.deadMillis !== null);
  });

  test("a pod at its limit: the larger container dies, the other one and the sandbox live", async () => {
    const pod = `${root}/kubepods/burstable/pod${uid("2")}`;
    const podCgroup = new TestCgroup(pod, 300 * MIB);
    const sandbox = await run({ digit: "1", pod: "db-2", args: ["sleep", "1000"] });
    const small = await run({
      digit: "2",
      pod: "db-2",
      container: "sidecar",
      args: ["leak", "-", "40", "hold"],
    });
    const large = await run({ digit: "3", pod: "db-2", container: "main", args: leakAfterStart(400) });
    const kill = await guard.incident(pod, "kill");
    expect(kill).toMatchObject({
      cgroup: pod,
      namespace: "shop",
      pod: "db-2",
      container: "main",
      containerId: id("3"),
    });
    await until("its processes are gone", () => new TestCgroup(large).pids.length === 0);
    expect(new TestCgroup(sandbox).pids.length).toBe(1);
    expect(new TestCgroup(small).pids.length).toBe(1);
    expect(podCgroup.oomKills + new TestCgroup(large).oomKills + new TestCgroup(small).oomKills).toBe(0);
  });

  test("a rule by namespace and pod exempts its containers", async () => {
    guard.configure(`${config()}[[rule]]\nnamespace = "shop"\npod = "spared-*"\npolicy = "noop"\n`);
    guard.signal("SIGHUP");
    await until("it is read", () => guard.logged("configuration read again").length === 1);
    const cgroup = await run({
      digit: "b",
      pod: "spared-3",
      container: "app",
      args: leakAfterStart(400),
      limit: 200 * MIB,
    });
    await guard.incident(cgroup, "would-kill");
    await guard.incident(cgroup, "kernel-oom");
    expect(
      guard
        .incidents(cgroup)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(["kernel-oom", "would-kill"]);
    expect(new TestCgroup(cgroup).oomKills).toBe(1);
  });

  test("containerd killed and restarted: guarding never stops, names are right again", async () => {
    await containerd.crash();
    await until("the outage is said", () => guard.logged("no container names").length === 1);
    const orphan = new TestCgroup(`${root}/kubepods/burstable/pod${uid("4")}/${id("c")}`, 100 * MIB);
    await pause(100);
    const script = `echo $$ >${orphan.procsFile}; exec ${compileLeak()} - 200 rate=400`;
    await Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "ignore", "ignore"] }).exited;
    expect(await guard.incident(orphan.path, "kill")).toMatchObject({
      containerId: id("c"),
      namespace: null,
      pod: null,
    });
    expect(orphan.oomKills).toBe(0);
    await orphan.remove();
    await containerd.startDaemon();
    await until("the recovery is said", () => guard.logged("container names from").length === 1, 20_000);
    const cgroup = await run({
      digit: "d",
      pod: "back-5",
      container: "app",
      args: leakAfterStart(400),
      limit: 200 * MIB,
    });
    expect(await guard.incident(cgroup, "kill")).toMatchObject({
      namespace: "shop",
      pod: "back-5",
      container: "app",
    });
    expect(guard.logged("no container names")).toHaveLength(1);
  });

  test("explain finds a container by its names and by its id", () => {
    const explain = (target: string) =>
      Bun.spawnSync([BINARY, "explain", target, "--json", "--config", guard.configFile]).stdout.toString();
    // The roots come from the command line of the guard; explain reads the file.
    guard.configure(`cgroup_roots = ["${root}"]\n${config()}`);
    const cgroup = `${root}/kubepods/burstable/pod${uid("2")}`;
    for (const target of [
      "shop/db-2",
      "shop/db-2/sidecar",
      id("2"),
      id("2").slice(0, 12),
      `${hierarchy.mount}${cgroup}`,
    ]) {
      expect(JSON.parse(explain(target)).cgroup).toBe(cgroup);
    }
  });
});
