import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { isHeld } from "../support/oom-control.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const PAGES = "takes thresholds in pages";
const NO_THRESHOLDS = "memory thresholds do not work";

describe.skipIf(missingLeak() !== null)("on an old kernel", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeEach(() => {
    top = TestCgroup.top();
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  const start = async (
    faults: readonly string[],
    more: Partial<Parameters<typeof TestGuard.start>[0]> = {},
  ) => {
    guard = await TestGuard.start({ roots: [top.path], env: oldKernel(...faults), ...more });
  };

  test.each<{ faults: string[]; said: string[] }>([
    { faults: ["pages"], said: [PAGES] },
    { faults: ["silent"], said: [NO_THRESHOLDS] },
    { faults: ["refused"], said: [NO_THRESHOLDS] },
    { faults: ["nocount"], said: [] },
    { faults: ["nolocal"], said: [] },
    { faults: ["nopidfd"], said: [] },
    { faults: ["pages", "nocount", "nolocal", "nopidfd"], said: [PAGES] },
    { faults: ["silent", "nocount", "nolocal", "nopidfd"], said: [NO_THRESHOLDS] },
  ])(
    "$faults: a leak is killed, nobody is killed early, and what is odd is said once",
    async ({ faults, said }) => {
      await start(faults);
      const quiet = await top.armedChild("quiet", 200 * MIB);
      const innocent = await startLeak({ procsFile: quiet.procsFile, megabytes: 180, hold: true });
      const cgroup = await top.armedChild("leak", 400 * MIB);
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 600, rateMbPerS: 400 });
      expect(await leak.exited).toBe(137);
      const kill = await guard.incident(cgroup.path, "kill");
      expect(kill.usageBytes).toBeGreaterThanOrEqual(392 * MIB);
      expect(cgroup.oomKills).toBe(0);
      await Bun.sleep(300);
      expect(alive(innocent.pid)).toBe(true);
      expect(guard.incidents(quiet.path)).toEqual([]);
      for (const message of [PAGES, NO_THRESHOLDS]) {
        expect(guard.logged(message)).toHaveLength(said.includes(message) ? 1 : 0);
      }
      expect(guard.log.filter(({ level }) => level === "error")).toEqual([]);
      expect(
        guard.log.filter(({ level, msg }) => level === "warn" && !msg.startsWith("killed")),
      ).toHaveLength(said.length);
      await innocent.kill();
    },
  );

  test("a cgroup full of cache, thresholds in pages: the leak that replaces the cache is killed", async () => {
    await start(["pages"]);
    const cgroup = await top.armedChild("cache", 200 * MIB);
    const file = `${guard.stateDir}/cache`;
    const fill = `echo $$ >${cgroup.procsFile}; dd if=/dev/zero of=${file} bs=1M count=300 conv=fsync 2>/dev/null`;
    expect(Bun.spawnSync(["sh", "-c", fill]).exitCode).toBe(0);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
  });

  test("without an oom_kill counter a kernel OOM kill is still told", async () => {
    await start(["nocount"], { args: ["--policy", "noop"] });
    const cgroup = await top.armedChild("oom", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(1);
    await guard.incident(cgroup.path, "kernel-oom");
    await Bun.sleep(1200);
    expect(guard.incidents(cgroup.path).filter(({ kind }) => kind === "kernel-oom")).toHaveLength(1);
  });

  test("without thresholds noop notes every excursion, not only the first", async () => {
    await start(["silent"], { args: ["--policy", "noop"] });
    const cgroup = await top.armedChild("noop", 200 * MIB);
    for (let i = 1; i <= 2; i++) {
      const over = await startLeak({ procsFile: cgroup.procsFile, megabytes: 197, hold: true });
      await until("it is noted", () => guard.incidents(cgroup.path).length === i);
      await over.kill();
      await Bun.sleep(300);
    }
    expect(guard.incidents(cgroup.path).map(({ kind }) => kind)).toEqual(["would-kill", "would-kill"]);
  });

  test("a container that is removed is no OOM, although its notifications fire", async () => {
    await start(["nocount"]);
    const cgroup = await top.armedChild("removed", 100 * MIB);
    const process = await startLeak({ procsFile: cgroup.procsFile, megabytes: 20, hold: true });
    await process.kill();
    await cgroup.remove();
    await Bun.sleep(500);
    expect(guard.incidents(cgroup.path)).toEqual([]);
  });

  test("without pidfd a process is killed just the same", async () => {
    await start(["nopidfd"], { args: ["--policy", "process"] });
    const cgroup = await top.armedChild("process", 200 * MIB);
    const neighbour = await startLeak({ procsFile: cgroup.procsFile, megabytes: 50, hold: true });
    await until("it is filled", () => cgroup.usageBytes >= 50 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect(alive(neighbour.pid)).toBe(true);
    expect(cgroup.oomKills).toBe(0);
    await neighbour.kill();
  });

  test("before 3.12 tasks do not wait for the guard, which is said once, and a leak is killed all the same", async () => {
    await start(["uname"], { config: 'kernel_oom = "hold"\n' });
    expect(guard.logged("tasks would wait with locks held")).toHaveLength(1);
    const cgroup = await top.armedChild("el7", 200 * MIB);
    expect(isHeld(cgroup)).toBe(false);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
  });

  test.each([
    ["deaf", "nobody would tell that tasks wait", "no oom notifications"],
    ["nohold", "the kernel refuses it", "tasks do not wait for the guard at their limit"],
  ])(
    "%s: nothing is held where %s, which is said once, and leaks are killed all the same",
    async (fault, _, said) => {
      await start([fault], { config: 'kernel_oom = "hold"\n' });
      for (const name of ["first", "second"]) {
        const cgroup = await top.armedChild(name, 200 * MIB);
        expect(isHeld(cgroup)).toBe(false);
        const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 400 });
        expect(await leak.exited).toBe(137);
        expect(cgroup.oomKills).toBe(0);
      }
      expect(guard.logged(said)).toHaveLength(1);
    },
  );

  test("without an oom_kill counter a held OOM is not taken for a kill by the kernel", async () => {
    await start(["nocount"], { config: 'kernel_oom = "hold"\n' });
    const cgroup = await top.armedChild("held", 16 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 64, huge: true, threads: 8 });
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
    await Bun.sleep(1200);
    expect(guard.incidents(cgroup.path).map(({ kind }) => kind)).toEqual(["kill"]);
  });

  test("with no inotify instance left, what comes and goes is seen all the same, a little later", async () => {
    await start(["noinotify"]);
    expect(guard.logged("cannot watch the cgroup tree")).toHaveLength(1);
    const before = guard.notificationCount;
    const cgroup = top.child("late", 200 * MIB);
    await until("it is guarded", () => guard.notificationCount > before);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
    expect(cgroup.oomKills).toBe(0);
    await cgroup.remove();
    await until("it is let go", () => guard.notificationCount === before);
    expect(guard.logged("cannot watch the cgroup tree")).toHaveLength(1);
  });
});
