import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { patient, pause } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

describe.skipIf(missingLeak() !== null)("the daemon's life", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeEach(async () => {
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path] });
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  const leakInto = async (cgroup: TestCgroup) => {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    return leak;
  };

  test("a second guard on the same state directory says who holds it and exits 1", async () => {
    const second = await TestGuard.start({ roots: [top.path], stateDir: guard.stateDir, dontWait: true });
    expect(await second.exited()).toBe(1);
    await until("it says why", () => second.text.includes("\n") || second.text !== "");
    expect(second.text.trim().split("\n")).toHaveLength(1);
    expect(second.text).toContain(`pid ${guard.pid}`);
    expect(second.text).toContain(guard.stateDir);
    // The first one is untouched.
    const cgroup = await top.armedChild("first", 100 * MIB);
    await leakInto(cgroup);
    expect(cgroup.oomKills).toBe(0);
  });

  test("SIGTERM: out within a second, with exit code 0 and nothing left in the kernel", async () => {
    const idle = await top.armedChild("idle", 100 * MIB);
    const started = performance.now();
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    expect(performance.now() - started).toBeLessThan(patient(1000));
    expect(idle.isUntouched).toBe(true);
  });

  test("SIGTERM in the middle of a kill: the incident is stored", async () => {
    const cgroup = await top.armedChild("late", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    await leak.exited;
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    expect(guard.incidents(cgroup.path)).toHaveLength(1);
  });

  test("SIGKILL and restart: armed again, nothing killed twice, the history goes on", async () => {
    const cgroup = await top.armedChild("restart", 100 * MIB);
    await leakInto(cgroup);
    await guard.incident(cgroup.path, "kill");
    await guard.crash();
    const survivor = await startLeak({ procsFile: cgroup.procsFile, megabytes: 50, hold: true });
    await guard.restart();
    await pause(300);
    expect(alive(survivor.pid)).toBe(true);
    expect(guard.incidents(cgroup.path)).toHaveLength(1);
    await leakInto(cgroup);
    await until("both kills are told", () => guard.incidents(cgroup.path).length === 2);
    expect(cgroup.oomKills).toBe(0);
    await survivor.kill();
  });

  test("what is over its threshold when the guard starts is dealt with at once", async () => {
    await guard.crash();
    const cgroup = top.child("before", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 98, hold: true });
    await until("it is filled", () => cgroup.usageBytes >= 98 * MIB);
    await guard.restart();
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
  });

  test.each([
    { moment: "right after its SIGKILL", fault: "dieafter" },
    { moment: "right before it", fault: "diebefore" },
  ])("the guard dies $moment: no incident is lost, none is told twice", async ({ fault }) => {
    const cgroup = await top.armedChild("lost", 100 * MIB);
    await guard.crash();
    await guard.restart(oldKernel(fault));
    // Slow enough that after a death before the SIGKILL the next guard is there before the limit.
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 98.5, hold: true });
    expect(await guard.exited()).toBe(137);
    expect(guard.incidents(cgroup.path)).toEqual([]);
    await guard.restart({});
    expect(await leak.exited).toBe(137);
    const kill = await guard.incident(cgroup.path, "kill");
    expect(kill.victims.map(({ pid }) => pid)).toEqual([leak.pid]);
    expect(kill).toMatchObject({ limitBytes: 100 * MIB, thresholdBytes: 98 * MIB, victimCount: 1 });
    await guard.crash();
    await guard.restart({});
    expect(guard.incidents(cgroup.path)).toHaveLength(1);
    expect(cgroup.oomKills).toBe(0);
  });

  test("a full disk costs the record, never the kill; it is said once, and made up for when there is room", async () => {
    await guard.stop();
    const directory = mkdtempSync(`${tmpdir()}/oom-guard-full-`);
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k", "none", directory]);
    try {
      Bun.spawnSync(["dd", "if=/dev/zero", `of=${directory}/ballast`, "bs=4k"]);
      guard = await TestGuard.start({ roots: [top.path], stateDir: directory });
      for (let i = 0; i < 3; i++) {
        const cgroup = await top.armedChild(`full-${i}`, 100 * MIB);
        await leakInto(cgroup);
        expect(cgroup.oomKills).toBe(0);
      }
      await until("the kills are reported", () => guard.logged("killed").length === 3);
      expect(guard.logged("incidents are kept in memory only")).toHaveLength(1);
      rmSync(`${directory}/ballast`);
      await until("they are stored", () => guard.logged("works again").length === 1, 40_000);
      expect(guard.incidents(top.path)).toHaveLength(3);
      await guard.stop();
    } finally {
      Bun.spawnSync(["umount", "-l", directory]);
      rmSync(directory, { recursive: true });
    }
  });

  test("SIGHUP: a good file is in force at once, a bad one changes nothing and is explained", async () => {
    const cgroup = top.child("reload", 200 * MIB);
    const holder = await startLeak({ procsFile: cgroup.procsFile, megabytes: 150, hold: true });
    await until("it is filled", () => cgroup.usageBytes >= 150 * MIB);
    guard.configure("margin_ratio = 2\n");
    guard.signal("SIGHUP");
    await until("it is explained", () => guard.logged("margin_ratio = 2").length === 1);
    expect(alive(holder.pid)).toBe(true);
    guard.configure('margin_ratio = 0.3\nmax_margin = "100M"\n');
    guard.signal("SIGHUP");
    expect(await holder.exited).toBe(137);
    expect((await guard.incident(cgroup.path, "kill")).thresholdBytes).toBe(140 * MIB);
  });

  test("SIGHUP: roots that are taken away are let go, with every descriptor", async () => {
    await guard.stop();
    guard = await TestGuard.start({ roots: [], config: `cgroup_roots = ["${top.path}"]\n` });
    const before = guard.descriptorCount;
    const notifications = guard.notificationCount;
    const cgroups = Array.from({ length: 20 }, (_, i) => top.child(`let-go-${i}`, 100 * MIB));
    await until("all are armed", () => guard.notificationCount >= notifications + 20);
    guard.configure('cgroup_roots = ["/nonexistent"]\n');
    guard.signal("SIGHUP");
    await until("all are let go", () => guard.descriptorCount <= before);
    const [cgroup] = cgroups;
    await leakInto(cgroup!);
    expect(cgroup!.oomKills).toBe(1);
  });
});
