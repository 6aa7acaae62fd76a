import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmdirSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(120_000));

describe.skipIf(missingLeak() !== null)("cgroups come, change and go", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeAll(async () => {
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path] });
  });

  afterAll(async () => {
    await guard.stop();
    await top.remove();
  });

  async function holding(cgroup: TestCgroup, megabytes: number) {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, hold: true });
    await until("it is filled", () => cgroup.usageBytes >= megabytes * MIB);
    return leak;
  }

  test("a limit lowered to just above what is used is evaluated at once", async () => {
    const cgroup = top.child("lowered", 400 * MIB);
    const leak = await holding(cgroup, 100);
    cgroup.limit(102 * MIB - 4096);
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
    expect((await guard.incident(cgroup.path, "kill")).limitBytes).toBe(102 * MIB - 4096);
  });

  test("a raised limit moves the threshold up: what used to be over it lives", async () => {
    const cgroup = top.child("raised", 100 * MIB);
    const leak = await holding(cgroup, 60);
    cgroup.limit(200 * MIB);
    await pause(100);
    const second = await holding(cgroup, 90);
    await pause(300);
    expect([alive(leak.pid), alive(second.pid)]).toEqual([true, true]);
    expect(guard.incidents(cgroup.path)).toEqual([]);
    const third = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200 });
    expect(await third.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
    expect((await guard.incident(cgroup.path, "kill")).thresholdBytes).toBe(196 * MIB);
  });

  test("a limit taken away ends the watch", async () => {
    const cgroup = top.child("unlimited", 100 * MIB);
    await pause(100);
    cgroup.limit(-1);
    await pause(100);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 150 });
    expect(await leak.exited).toBe(0);
  });

  test("a cgroup made three levels deep while the guard runs is armed", async () => {
    const cgroup = await top.armedChild("a/b/c", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 150 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
    await guard.incident(cgroup.path, "kill");
  });

  test("a cgroup removed and made again under its name is another one, and armed again", async () => {
    for (let i = 1; i <= 3; i++) {
      const cgroup = await top.armedChild("again", 100 * MIB);
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 150 });
      expect(await leak.exited).toBe(137);
      expect(cgroup.oomKills).toBe(0);
      await until("the kill is told", () => guard.incidents(cgroup.path).length === i);
      await cgroup.remove();
    }
  });

  test("1,000 cgroups created and removed: no descriptor, watch or memory growth", async () => {
    const churn = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const cgroup = top.child(`churn-${i}`, 50 * MIB);
        if (i % 10 === 0) await Bun.sleep(1);
        rmdirSync(cgroup.directory);
      }
      await pause(500);
    };
    await churn(300);
    const before = { fds: guard.descriptorCount, watches: guard.inotifyWatchCount, rss: guard.rssBytes };
    await churn(1000);
    await until("all descriptors are back", () => guard.descriptorCount <= before.fds + 2);
    expect(guard.inotifyWatchCount).toBe(before.watches);
    expect(guard.rssBytes - before.rss).toBeLessThan(16 * MIB);
  });

  test("500 cgroups at a time are all armed, and all forgotten", async () => {
    const before = { fds: guard.descriptorCount, watches: guard.inotifyWatchCount };
    const cgroups = Array.from({ length: 500 }, (_, i) => top.child(`many-${i}`, 50 * MIB));
    await until(
      "all are armed",
      () => guard.descriptorCount >= before.fds + 490 * hierarchy.descriptorsOfAWatch,
    );
    const last = cgroups.at(-1)!;
    const leak = await startLeak({ procsFile: last.procsFile, megabytes: 100, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect(last.oomKills).toBe(0);
    await until("it is empty", () => last.pids.length === 0);
    for (const cgroup of cgroups) rmdirSync(cgroup.directory);
    // The sentinel hears of removed cgroups too, and may have had their descriptors closed before inotify has told.
    await until(
      "all are forgotten",
      () => guard.descriptorCount <= before.fds + 2 && guard.inotifyWatchCount === before.watches,
    );
  });
});
