import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { PaperPod } from "../support/cluster/paper-pod.ts";
import { filledIn, panelQueries, variableQueries } from "../support/dashboard.ts";
import { Freezer } from "../support/freezer.ts";
import { TestGuard } from "../support/guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { type Alert, TestPrometheus } from "../support/prometheus.ts";
import { unknownNames } from "../support/promql.ts";
import { missingApiServer, missingPrometheus } from "../support/requirements.ts";
import { hurried, ruleQueries } from "../support/rule-file.ts";
import { scrapeText } from "../support/scrape.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(180_000);

const missing = missingPrometheus() ?? missingApiServer();

const NODE = "node-a";
const NAMESPACE = "shop";
/** Longer than any alert takes to fire, in the rules that take seconds for minutes. */
const LONGEST_SECONDS = 20;

describe.skipIf(missing !== null)("a real Prometheus with the rules of oom-guard, in a hurry", () => {
  const top = TestCgroup.top();
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  const leaks: Leak[] = [];
  let api: TestApiServer;
  let guard: TestGuard;
  let prometheus: TestPrometheus;

  beforeAll(async () => {
    api = await TestApiServer.start();
    await api.createNode(NODE);
    await api.createNamespace(NAMESPACE);
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
    const kubeconfig = api.kubeconfig("guard", await api.serviceAccountUser("kube-system", "oomguard"));
    guard = await TestGuard.start({
      roots: [top.path],
      config: `
        [metrics]
        listen = "${address}"
        [kubernetes]
        kubeconfig = "${kubeconfig}"
        node_name = "${NODE}"
        [[rule]]
        pod = "noop-*"
        policy = "noop"
        min_margin = "20M"
      `,
    });
    prometheus = await TestPrometheus.start(hurried(TestGuard.print("rules")), [address]);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await guard?.stop();
    for (const leak of leaks) await leak.kill();
    await api?.stop();
    await top.remove();
  });

  /** A pod whose names the guard knows. */
  async function createPod(name: string): Promise<PaperPod> {
    const pod = await PaperPod.create(api, {
      root: top.path,
      node: NODE,
      namespace: NAMESPACE,
      name,
      limit: 200,
    });
    await until("it is known", async () => (await scrapeText(port)).includes(`pod="${name}"`), 60_000);
    return pod;
  }

  /** A process that keeps so much memory in a pod's container. */
  async function hold(pod: PaperPod, megabytes: number): Promise<Leak> {
    const before = pod.cgroup.usageBytes;
    const leak = await startLeak({ procsFile: pod.cgroup.procsFile, megabytes, hold: true });
    leaks.push(leak);
    await until("it holds its memory", () => pod.cgroup.usageBytes >= before + megabytes * MIB);
    return leak;
  }

  /** Names of all alerts that fired in the last seconds. */
  async function fired(): Promise<string[]> {
    const recent = `max_over_time(ALERTS{alertstate="firing"}[${LONGEST_SECONDS}s])`;
    const alerts = await prometheus.query(`group by (alertname) (${recent})`);
    return alerts.map(({ metric }) => metric.alertname!).sort();
  }

  const of = ({ name }: PaperPod) => ({
    namespace: NAMESPACE,
    pod: name,
    container: "app",
    instance: address,
  });

  test("nothing fires while there is nothing to tell", async () => {
    await hold(await createPod("calm"), 50);
    await Bun.sleep(LONGEST_SECONDS * 1000);
    expect(await prometheus.query("oom_guard_watched_cgroups")).toMatchObject([
      { value: [expect.anything(), "1"] },
    ]);
    expect(await fired()).toEqual([]);
    expect(await prometheus.ruleErrors()).toEqual([]);
  });

  test("the first kill of a container fires, and no other alert; it ends", async () => {
    const pod = await createPod("leaking");
    expect(await pod.leak()).toBe(137);
    const alert = await prometheus.fires("OomGuardKilled", of(pod));
    expect(alert.labels).toMatchObject({ policy: "container", severity: "warning" });
    expect(alert.annotations.summary).toBe(`oom-guard killed in ${NAMESPACE}/leaking/app`);
    expect(alert.annotations.description).toStartWith(
      `1x in ten minutes on ${address}, by policy container: `,
    );
    await prometheus.ends("OomGuardKilled");
    expect(await fired()).toEqual(["OomGuardKilled"]);
  });

  test("the second kill of the same container fires too", async () => {
    const pod = await createPod("twice");
    expect(await pod.leak()).toBe(137);
    await prometheus.fires("OomGuardKilled", of(pod));
    await prometheus.ends("OomGuardKilled");
    expect(await pod.leak()).toBe(137);
    await prometheus.fires("OomGuardKilled", of(pod));
  });

  test("what would have been killed fires", async () => {
    const pod = await createPod("noop-1");
    await hold(pod, 190);
    expect(textOf(await prometheus.fires("OomGuardWouldHaveKilled", of(pod)))).not.toContain("<no value>");
  });

  test("a container near its limit for long fires", async () => {
    const pod = await createPod("near");
    await hold(pod, 193);
    await prometheus.fires("OomGuardContainerNearLimit", of(pod));
  });

  test("a victim that does not die fires", async () => {
    const pod = await createPod("stuck");
    const freezer = new Freezer((await hold(pod, 150)).pid);
    try {
      await startLeak({ procsFile: pod.cgroup.procsFile, megabytes: 49, hold: true });
      await prometheus.fires("OomGuardVictimStuck", of(pod));
    } finally {
      freezer.thaw();
      await freezer.remove();
    }
  });

  test("what the kernel kills fires", async () => {
    const pod = await createPod("noop-2");
    expect(await pod.leak()).toBe(137);
    await prometheus.fires("OomGuardKernelKilled", { ...of(pod), scope: "container" });
  });

  test("what the kernel kills silently fires, and not as what everybody noticed", async () => {
    const pod = await createPod("noop-3");
    await hold(pod, 10);
    expect(await pod.leak()).toBe(137);
    await prometheus.fires("OomGuardKernelKilledSilently", { ...of(pod), scope: "container" });
    const other = (await prometheus.firing()).filter(
      ({ labels }) => labels.alertname === "OomGuardKernelKilled",
    );
    expect(other.map(({ labels }) => labels.pod)).not.toContain("noop-3");
  });

  test("page cache that is dropped fires nothing", async () => {
    const pod = await createPod("cached");
    const write = `dd if=/dev/zero of=${guard.stateDir}/cache bs=1M count=300 conv=fsync 2>/dev/null`;
    Bun.spawnSync(["sh", "-c", `echo $$ >${pod.cgroup.procsFile}; ${write}`]);
    const reclaimed = "oom_guard_reclaimed_bytes_total > 0";
    await until("it is dropped", async () => (await prometheus.query(reclaimed)).length > 0, 30_000);
    expect((await prometheus.firing()).map(({ labels }) => labels.pod)).not.toContain("cached");
  });

  test("an Event that waits for long fires; with all that happened each panel of the dashboard has data", async () => {
    const pod = await createPod("untold");
    await api.stopServer();
    expect(await pod.leak()).toBe(137);
    const alert = await prometheus.fires("OomGuardOutboxStuck", { instance: address });
    expect(textOf(alert)).toContain("The oldest has waited for 1");
    const empty: string[] = [];
    for (const { from, expr } of panelQueries(TestGuard.print("dashboard"))) {
      if ((await prometheus.query(filledIn(expr, "600s"))).length === 0) empty.push(from);
    }
    expect(empty).toEqual([]);
    await api.startServer();
    await prometheus.ends("OomGuardOutboxStuck");
  });

  test("every metric and label that the rules and the dashboard name is there", async () => {
    const [rules, dashboard] = ["rules", "dashboard"].map(TestGuard.print) as [string, string];
    const queries = [...ruleQueries(rules), ...panelQueries(dashboard), ...variableQueries(dashboard)];
    expect(unknownNames(queries, await scrapeText(port))).toEqual([]);
  });
});

function textOf({ annotations }: Alert): string {
  return Object.values(annotations).join("\n");
}
