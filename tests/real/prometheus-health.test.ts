import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { startLeak } from "../support/leak.ts";
import { sentinelThread } from "../support/processes.ts";
import { TestPrometheus } from "../support/prometheus.ts";
import { missingPrometheus } from "../support/requirements.ts";
import { hurried } from "../support/rule-file.ts";
import { wedge } from "../support/wedge.ts";
import { tinyDisk } from "../unit/record/tiny-disk.ts";

setDefaultTimeout(180_000);

const missing = missingPrometheus();

describe.skipIf(missing !== null)("a real Prometheus and a guard that fails", () => {
  const top = TestCgroup.top();
  const address = `127.0.0.1:${freePort()}`;
  let guard: TestGuard;
  let prometheus: TestPrometheus;

  beforeAll(async () => {
    guard = await TestGuard.start({ roots: [top.path], config: `[metrics]\nlisten = "${address}"\n` });
    prometheus = await TestPrometheus.start(hurried(TestGuard.print("rules")), [address]);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await guard?.stop();
    await top.remove();
  });

  test("a sentinel thread that hangs fires", async () => {
    const release = await wedge(sentinelThread(guard.pid));
    try {
      await prometheus.fires("OomGuardSentinelDown", { instance: address });
    } finally {
      await release();
    }
    await prometheus.ends("OomGuardSentinelDown");
  });

  test("a guard that is started again and again fires", async () => {
    for (let start = 0; start < 3; start++) {
      await guard.crash();
      await guard.restart();
      await Bun.sleep(2000);
    }
    await prometheus.fires("OomGuardRestarting", { instance: address });
  });

  test("a guard that is down fires; one that is no longer scraped fires too, and when it was the last", async () => {
    await guard.crash();
    await prometheus.fires("OomGuardDown", { instance: address });
    prometheus.scrape([]);
    await prometheus.fires("OomGuardGone", { instance: address });
    expect((await prometheus.fires("OomGuardAbsent")).labels).toEqual({
      alertname: "OomGuardAbsent",
      job: "oom-guard",
      severity: "critical",
    });
    await prometheus.ends("OomGuardDown");
  });
});

describe.skipIf(missing !== null)("a real Prometheus and a guard in trouble", () => {
  const top = TestCgroup.top();
  const address = `127.0.0.1:${freePort()}`;
  let disk: ReturnType<typeof tinyDisk>;
  let guard: TestGuard;
  let prometheus: TestPrometheus;

  beforeAll(async () => {
    disk = tinyDisk("2M");
    const unarmable = top.child("unarmable", 200 * MIB);
    // Neither that cgroup's usage nor the kernel's log may be opened.
    const spoil = [`${unarmable.directory}/${hierarchy.usageFile}`, "/dev/kmsg"].map((file) =>
      [`mount --bind /dev/kmsg ${file}`, `mount -o remount,bind,nodev ${file}`].join("\n"),
    );
    guard = await TestGuard.start({
      roots: [top.path],
      stateDir: disk.path,
      config: `[metrics]\nlisten = "${address}"\n`,
      enter: ["unshare", "--mount", "sh", "-ec", [...spoil, 'exec "$@"'].join("\n"), "sh"],
    });
    prometheus = await TestPrometheus.start(hurried(TestGuard.print("rules")), [address]);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await guard?.stop();
    disk?.[Symbol.dispose]();
    await top.remove();
  });

  test("a cgroup that cannot be armed fires", async () => {
    const alert = await prometheus.fires("OomGuardNotArmed", { instance: address });
    expect(alert.annotations.summary).toStartWith(`not guarded on ${address}: 1 of the cgroups`);
  });

  test("the kernel's log that cannot be read fires", async () => {
    await prometheus.fires("OomGuardKernelLogUnread", { instance: address });
  });

  test("a store that cannot be written to fires; the kill it does not have fires all the same", async () => {
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${disk.path}/full`]);
    const cgroup = await top.armedChild("nameless", 100 * MIB);
    expect(await (await startLeak({ procsFile: cgroup.procsFile, megabytes: 200 })).exited).toBe(137);
    const { annotations } = await prometheus.fires("OomGuardKilled", { instance: address });
    expect(annotations.summary).toBe("oom-guard killed in a cgroup without a name");
    await prometheus.fires("OomGuardStoreDown", { instance: address });
    rmSync(`${disk.path}/full`);
    await prometheus.ends("OomGuardStoreDown");
  });
});
