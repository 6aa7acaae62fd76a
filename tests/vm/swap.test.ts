import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { MIB } from "../support/cgroup.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import type { Leak } from "../support/leak.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince, vmstat } from "../support/vm/kernel.ts";

setDefaultTimeout(600_000);

const SWAP_FILE = "/swapfile";
const SWAP_MIB = 200;

describe("a node with swap", () => {
  let guard: InstalledGuard;
  const leaks: Leak[] = [];
  const containers: BareContainer[] = [];

  beforeAll(async () => {
    command("sh", "-c", `dd if=/dev/zero of=${SWAP_FILE} bs=1M count=${SWAP_MIB} && chmod 600 ${SWAP_FILE}`);
    command("mkswap", SWAP_FILE);
    guard = await InstalledGuard.start();
  });

  afterEach(async () => {
    for (const leak of leaks.splice(0)) await leak.kill();
    for (const container of containers.splice(0)) await container.remove();
  });

  afterAll(() => {
    guard.remove();
    command("swapoff", SWAP_FILE);
    rmSync(SWAP_FILE);
  });

  const limitedTo = async (limitMib: number) => {
    const container = await BareContainer.create(limitMib);
    containers.push(container);
    return container;
  };
  const leakIn = async (container: BareContainer, megabytes: number) => {
    const leak = await container.leak(megabytes);
    leaks.push(leak);
    return leak;
  };

  test("all its own memory is locked once there is swap, and only its files before", async () => {
    const lockedMib = () =>
      Number(/^VmLck:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${guard.pid}/status`, "utf8"))?.[1]) / 1024;
    await until("its files are locked", () => lockedMib() > 0);
    expect(lockedMib()).toBeLessThan(500);
    command("swapon", SWAP_FILE);
    // What the engine has mapped, of which only what is touched is there.
    await until("it has noticed", () => lockedMib() > 1024, 60_000);
  });

  test("a container that can still swap is not killed; when the swap is full it is", async () => {
    const before = kernelOomKills();
    const container = await limitedTo(100);
    const { cgroup } = container;
    const patient = await leakIn(container, 180);
    await until("it swaps", () => cgroup.stat("total_swap") > 60 * MIB, 60_000);
    await Bun.sleep(5000);
    expect(alive(patient.pid)).toBe(true);
    expect(guard.incidents(cgroup.path)).toEqual([]);

    const greedy = await leakIn(container, SWAP_MIB * 2);
    await until("somebody is killed", () => !alive(patient.pid) || !alive(greedy.pid), 120_000);
    const kill = await guard.incident(cgroup.path, "kill");
    expect(kill.usageBytes).toBeGreaterThanOrEqual(80 * MIB);
    expect(kernelOomKillsSince(before)).toEqual([]);
  });

  test("near its limit, the guard's reclaim pushes nothing to swap, although there is cache to drop", async () => {
    const container = await limitedTo(100);
    const { cgroup } = container;
    const cache = "/root/cache";
    const fill = `echo $$ >${cgroup.procsFile}; dd if=/dev/zero of=${cache} bs=1M count=20 conv=fsync`;
    command("sh", "-c", fill);
    await leakIn(container, 45);
    await until("it is near", () => cgroup.usageBytes > 63 * MIB, 60_000);
    const swappedOut = vmstat("pswpout");
    await Bun.sleep(5000);
    expect(vmstat("pswpout")).toBe(swappedOut);
    expect(cgroup.stat("total_swap")).toBe(0);
    expect(cgroup.stat("total_cache")).toBeGreaterThan(15 * MIB);
    // What it would have come to.
    cgroup.write("memory.force_empty", "0");
    expect(vmstat("pswpout")).toBeGreaterThan(swappedOut);
    rmSync(cache);
  });
});
