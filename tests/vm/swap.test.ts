import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { kernelOomKills, meminfoBytes, vmstat } from "../support/vm/kernel.ts";

setDefaultTimeout(600_000);

const SWAP_FILE = "/swapfile";
const SWAP_MIB = 200;
const ROOT = "/kubepods/burstable";

describe("a node with swap", () => {
  let guard: InstalledGuard;
  const leaks: Leak[] = [];
  const cgroups: TestCgroup[] = [];

  beforeAll(async () => {
    command("sh", "-c", `dd if=/dev/zero of=${SWAP_FILE} bs=1M count=${SWAP_MIB} && chmod 600 ${SWAP_FILE}`);
    command("mkswap", SWAP_FILE);
    command("swapon", SWAP_FILE);
    guard = await InstalledGuard.start();
  });

  afterEach(async () => {
    for (const leak of leaks.splice(0)) await leak.kill();
    for (const cgroup of cgroups.splice(0)) await cgroup.remove();
  });

  afterAll(() => {
    guard.remove();
    command("swapoff", SWAP_FILE);
    rmSync(SWAP_FILE);
  });

  const container = async (limitMib: number) => {
    const cgroup = new TestCgroup(`${ROOT}/pod${crypto.randomUUID()}`, limitMib * MIB);
    cgroups.push(cgroup);
    await Bun.sleep(1000);
    return cgroup;
  };
  const leakIn = async (cgroup: TestCgroup, megabytes: number) => {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, rateMbPerS: 20, hold: true });
    leaks.push(leak);
    return leak;
  };

  test("a container that can still swap is not killed; when the swap is full it is", async () => {
    const before = kernelOomKills();
    const cgroup = await container(100);
    const patient = await leakIn(cgroup, 180);
    await until("it swaps", () => cgroup.stat("total_swap") > 60 * MIB, 60_000);
    await Bun.sleep(5000);
    expect(alive(patient.pid)).toBe(true);
    expect(guard.incidents(cgroup.path)).toEqual([]);

    const greedy = await leakIn(cgroup, SWAP_MIB * 2);
    await until("somebody is killed", () => !alive(patient.pid) || !alive(greedy.pid), 120_000);
    const kill = await guard.incident(cgroup.path, "kill");
    expect(kill.usageBytes).toBeGreaterThanOrEqual(98 * MIB);
    expect(kernelOomKills()).toBe(before);
  });

  test("near its limit, reclaim pushes nothing to swap; mode = always would", async () => {
    const cgroup = await container(100);
    await leakIn(cgroup, 96);
    await until("it is near", () => cgroup.usageBytes > 96 * MIB, 60_000);
    const swappedOut = vmstat("pswpout");
    await Bun.sleep(5000);
    expect(vmstat("pswpout")).toBe(swappedOut);
    expect(cgroup.stat("total_swap")).toBe(0);
    expect(meminfoBytes("SwapFree")).toBeGreaterThan(0);

    guard.configure('[reclaim]\nmode = "always"\ncooldown = "1s"\n');
    guard.systemctl("reload", "oom-guard");
    // It is told of what is near once more when that happens again.
    cgroup.limit(101 * MIB);
    await leakIn(cgroup, 2);
    await until("it was pushed to swap", () => vmstat("pswpout") > swappedOut, 30_000);
  });
});
