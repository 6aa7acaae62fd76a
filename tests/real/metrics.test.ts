import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { kubernetesLabels } from "../support/containerd.ts";
import { FakeContainerd } from "../support/fake-containerd.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { samplesOf } from "../support/metrics-text.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { patient } from "../support/patience.ts";
import { missingLeak, missingPromtool } from "../support/requirements.ts";
import { scrape, scrapeText } from "../support/scrape.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const UID = "11111111-2222-3333-4444-555555555555";
const FIRST = "a".repeat(64);
const SECOND = "b".repeat(64);
const NAMES = 'namespace="default",pod="web-0",container="app"';
const KILLS = `oom_guard_kills_total{policy="container",${NAMES}}`;

describe.skipIf(missingLeak() !== null)("metrics", () => {
  let top: TestCgroup;
  let runtime: FakeContainerd;
  let folder: string;
  let port: number;
  let guard: TestGuard;

  beforeAll(async () => {
    // Only names come from it: the runtime itself is no part of this.
    runtime = new FakeContainerd();
    await runtime.start();
    const labels = kubernetesLabels({ namespace: "default", name: "web-0", uid: UID, container: "app" });
    runtime.containers = [FIRST, SECOND].map((id) => ({ id, labels, pid: 0 }));
  });
  afterAll(() => runtime.stop());

  beforeEach(async () => {
    top = TestCgroup.top();
    folder = mkdtempSync(`${tmpdir()}/oom-guard-metrics-`);
    port = freePort();
    guard = await TestGuard.start({ roots: [top.path], config: configuration() });
  });
  afterEach(async () => {
    await guard.stop();
    await top.remove();
    rmSync(folder, { recursive: true });
  });

  const textfile = () => `${folder}/guard.prom`;
  const configuration = (top = "", listen = String(port)) =>
    `${top}[runtime]\nsockets = ["${runtime.socket}"]\n[metrics]\nlisten = "${listen}"\ntextfile = "${textfile()}"\n`;
  const container = (id: string) => top.armedChild(`kubepods/burstable/pod${UID}/${id}`, 100 * MIB);

  /** Waits until a sample has a value. */
  const reads = (series: string, value: number | undefined) =>
    until(`${series} is ${value}`, async () => (await scrape(port)).get(series) === value);

  /** Waits until the guard knows whose the cgroup is: at its start names come after it guards. */
  const isNamed = () => reads(`oom_guard_container_limit_bytes{${NAMES}}`, 100 * MIB);

  /** How often it has killed, whose ever it was. */
  const kills = async () =>
    [...(await scrape(port))].flatMap(([series, value]) =>
      series.startsWith("oom_guard_kills_total") ? [value] : [],
    );

  async function leakInto(cgroup: TestCgroup): Promise<void> {
    await isNamed();
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
  }

  test("a container's numbers are those of its cgroup, and go with it", async () => {
    const cgroup = await container(FIRST);
    const holder = await startLeak({ procsFile: cgroup.procsFile, megabytes: 60, hold: true });
    await until("it is filled", () => cgroup.usageBytes >= 60 * MIB);
    const usage = `oom_guard_container_usage_bytes{${NAMES}}`;
    await until("its usage is told", async () => (await scrape(port)).get(usage) === cgroup.usageBytes);
    const samples = await scrape(port);
    expect(samples.get(`oom_guard_container_limit_bytes{${NAMES}}`)).toBe(100 * MIB);
    expect(samples.get(`oom_guard_container_threshold_bytes{${NAMES}}`)).toBe(98 * MIB);
    const workingSet = samples.get(`oom_guard_container_working_set_bytes{${NAMES}}`)!;
    expect(workingSet).toBe(cgroup.usageBytes - cgroup.inactiveFileBytes);
    expect(samples.get("oom_guard_watched_cgroups")).toBe(1);
    expect(samples.get("oom_guard_unarmed_cgroups")).toBe(0);
    cgroup.limit(200 * MIB);
    await reads(`oom_guard_container_limit_bytes{${NAMES}}`, 200 * MIB);
    await holder.kill();
    await cgroup.remove();
    await reads("oom_guard_watched_cgroups", 0);
    expect((await scrapeText(port)).match(/^oom_guard_container_\w+\{.*$/m)).toBeNull();
  });

  test("of an old and a new container of the same names the new one's numbers are told, once", async () => {
    const old = await container(FIRST);
    const fresh = await container(SECOND);
    fresh.limit(150 * MIB);
    await reads(`oom_guard_container_limit_bytes{${NAMES}}`, 150 * MIB);
    await fresh.remove();
    await reads(`oom_guard_container_limit_bytes{${NAMES}}`, 100 * MIB);
    await old.remove();
  });

  test("kills are counted on over restarts of the container, of the guard, and its SIGKILL", async () => {
    const first = await container(FIRST);
    await leakInto(first);
    await reads(KILLS, 1);
    const samples = await scrape(port);
    expect(samples.get("oom_guard_decide_seconds_count")).toBe(1);
    const kill = await guard.incident(first.path, "kill");
    expect(samples.get("oom_guard_decide_seconds_sum")).toBeCloseTo(kill.decideMicros! / 1e6, 9);
    await first.remove();
    const second = await container(SECOND);
    await leakInto(second);
    await reads(KILLS, 2);
    guard.signal("SIGTERM");
    await guard.exited();
    await guard.restart();
    await reads(KILLS, 2);
    await leakInto(second);
    await reads(KILLS, 3);
    await guard.crash();
    await guard.restart();
    await leakInto(second);
    await reads(KILLS, 4);
    expect((await scrape(port)).get("oom_guard_decide_seconds_count")).toBe(1);
  });

  test.each([
    { moment: "right after its SIGKILL", fault: "dieafter" },
    { moment: "right before it", fault: "diebefore" },
  ])("a kill counts once when the guard dies $moment", async ({ fault }) => {
    await guard.crash();
    const cgroup = await container(FIRST);
    await guard.restart(oldKernel(fault));
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 98.5, hold: true });
    expect(await guard.exited()).toBe(137);
    await guard.restart({});
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
    expect(await kills()).toEqual([1]);
    await guard.crash();
    await guard.restart({});
    expect(await kills()).toEqual([1]);
  });

  test("policy noop: what would have been killed, why not, and the kernel's kill", async () => {
    guard.configure(configuration('policy = "noop"\n'));
    guard.signal("SIGHUP");
    await until("it is read", () => guard.logged("configuration read again").length === 1);
    const cgroup = await container(FIRST);
    await isNamed();
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 100 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(1);
    await reads(`oom_guard_would_kills_total{${NAMES}}`, 1);
    await until("the kernel's kill is counted", async () =>
      [...(await scrape(port))].some(
        ([series, value]) => /^oom_guard_kernel_oom_kills_total\{.*pod="web-0"/.test(series) && value === 1,
      ),
    );
    const samples = await scrape(port);
    expect(samples.get('oom_guard_skips_total{reason="noop"}')).toBe(1);
    expect(samples.get(KILLS)).toBeUndefined();
  });

  test("a guard that was just started has counted nothing: its rehearsal is none", async () => {
    const samples = await scrape(port);
    const counted = [...samples].filter(([series]) => /^oom_guard_(skips|reclaim|decide)/.test(series));
    expect(counted.length).toBeGreaterThan(10);
    expect(counted.filter(([, value]) => value !== 0)).toEqual([]);
    expect(samples.get("oom_guard_sentinel_up")).toBe(1);
    expect(samples.get("oom_guard_store_up")).toBe(1);
  });

  test("the file can be read by everybody, goes when the guard stops, and stays when it is killed", async () => {
    await until("it is there", () => existsSync(textfile()));
    expect(statSync(textfile()).mode & 0o777).toBe(0o644);
    const names = (text: string) =>
      [...text.matchAll(/^# TYPE (\S+)/gm)].flatMap(([, name]) =>
        name!.startsWith("oom_guard") ? [name] : [],
      );
    expect(names(readFileSync(textfile(), "utf8"))).toEqual(names(await scrapeText(port)));
    await guard.crash();
    expect(existsSync(textfile())).toBe(true);
    await guard.restart();
    await until("it is written anew", () => {
      const build = samplesOf(readFileSync(textfile(), "utf8")).get("oom_guard_sentinel_up");
      return build === 1 && statSync(textfile()).mtimeMs > Date.now() - 2000;
    });
    guard.signal("SIGTERM");
    await guard.exited();
    expect(existsSync(textfile())).toBe(false);
  });

  test("SIGHUP moves the endpoint, switches it off and on", async () => {
    const reload = async (listen: string) => {
      const before = guard.logged("configuration read again").length;
      guard.configure(configuration("", listen));
      guard.signal("SIGHUP");
      await until("it is read", () => guard.logged("configuration read again").length > before);
    };
    const isServed = (at: number) =>
      scrape(at).then(
        () => true,
        () => false,
      );
    const other = freePort();
    await reload(`127.0.0.1:${other}`);
    await until("it has moved", async () => (await isServed(other)) && !(await isServed(port)));
    await reload("off");
    await until("nobody serves", async () => !(await isServed(other)));
    await reload(String(port));
    await until("it is back", () => isServed(port));
    expect(guard.logged("in force only after a restart")).toEqual([]);
  });

  test("a port that is taken keeps nobody from guarding, and is taken over when it is free", async () => {
    await guard.crash();
    const other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    await guard.restart();
    const cgroup = await container(FIRST);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
    await guard.incident(cgroup.path, "kill");
    // It is tried again every second.
    await Bun.sleep(2500);
    expect(guard.logged("metrics cannot be served")).toHaveLength(1);
    other.stop(true);
    await until("it is served", () =>
      scrape(port).then(
        () => true,
        () => false,
      ),
    );
    expect(await kills()).toEqual([1]);
  });

  test.skipIf(missingPromtool() !== null)("promtool finds nothing wrong with them", async () => {
    const cgroup = await container(FIRST);
    await leakInto(cgroup);
    await reads(KILLS, 1);
    for (const text of [await scrapeText(port), readFileSync(textfile(), "utf8")]) {
      const lint = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(text) });
      expect([lint.exitCode, lint.stdout.toString(), lint.stderr.toString()]).toEqual([0, "", ""]);
    }
  });
});
