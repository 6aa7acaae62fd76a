import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const DAY_S = 86_400;
// Longer than the watchdog's time.
const AFTER_THE_JUMP_MS = 40_000;

describe("the clock jumps", () => {
  let guard: InstalledGuard;
  let cgroup: TestCgroup;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => cgroup.remove());

  afterAll(() => guard.remove());

  test.each([
    ["a year ahead", 365 * DAY_S],
    ["two years back", -730 * DAY_S],
    ["a year ahead again, to where it was", 365 * DAY_S],
  ])("%s: the guard stays, and a leak is killed and told with the new time", async (_, seconds) => {
    const pid = guard.pid;
    const before = kernelOomKills();
    command("date", "-s", `@${Math.round(Date.now() / 1000) + seconds}`);
    const jumped = Date.now();
    await Bun.sleep(AFTER_THE_JUMP_MS);
    cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
    await Bun.sleep(1000);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
    expect(await leak.exited).toBe(137);
    const kill = await guard.incident(cgroup.path, "kill");
    expect(kernelOomKills()).toBe(before);
    expect(Math.abs(Date.parse(kill.time) - jumped)).toBeLessThan(3_600_000);
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
