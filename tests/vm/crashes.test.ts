import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { sentinelThread } from "../support/processes.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";
import { wedge } from "../support/wedge.ts";

setDefaultTimeout(600_000);

describe("what the guard does not survive, systemd makes good", () => {
  let guard: InstalledGuard;
  let cgroup: TestCgroup;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => cgroup.remove());

  afterAll(() => guard.remove());

  const killsALeak = async () => {
    const before = kernelOomKills();
    cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
    await Bun.sleep(1000);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
    expect(kernelOomKills()).toBe(before);
  };

  test.each([
    ["SIGKILL", "killed"],
    ["SIGSEGV", "killed"],
    ["SIGSTOP", "watchdog"],
  ] as const)("%s: it is started again, is armed, and kills the next leak", async (signal, how) => {
    const pid = guard.pid;
    const restarts = Number(guard.property("NRestarts"));
    process.kill(pid, signal);
    await guard.active(pid);
    expect(Number(guard.property("NRestarts"))).toBe(restarts + 1);
    const told = guard.journal().map(({ MESSAGE }) => MESSAGE);
    expect(told.some((message) => message?.includes(how))).toBe(true);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await killsALeak();
  });

  test("a wedged sentinel thread is noticed: the journal says so, and the guard is started again", async () => {
    const pid = guard.pid;
    const release = await wedge(sentinelThread(pid));
    await guard.active(pid);
    await release();
    const [silent] = guard.journal("PRIORITY=3");
    expect(silent?.MESSAGE).toContain("the sentinel thread does not answer");
    await killsALeak();
  });
});
