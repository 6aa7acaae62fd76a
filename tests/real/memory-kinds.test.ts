import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

describe.skipIf(missingLeak() !== null)("kinds of memory", () => {
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

  test("reading and writing files five times the limit for 20 s: nobody is killed, the guard stays under 5 % of a core", async () => {
    const cgroup = top.child("io", 100 * MIB);
    const directory = mkdtempSync(`${tmpdir()}/oom-guard-io-`);
    const script = [
      `echo $$ >${cgroup.procsFile}`,
      `end=$(($(date +%s) + 20))`,
      `while [ $(date +%s) -lt $end ]; do`,
      `  dd if=/dev/zero of=${directory}/file bs=1M count=500 conv=notrunc 2>/dev/null`,
      `  cat ${directory}/file >/dev/null`,
      "done",
    ].join("\n");
    const cpuBefore = guard.cpuSeconds;
    const started = performance.now();
    const child = Bun.spawn(["sh", "-c", script]);
    const code = await child.exited;
    const share = (guard.cpuSeconds - cpuBefore) / ((performance.now() - started) / 1000);
    rmSync(directory, { recursive: true });
    expect(code).toBe(0);
    expect(cgroup.oomKills).toBe(0);
    // It did run over its threshold, or this would prove nothing.
    expect(cgroup.peakBytes).toBeGreaterThan(98 * MIB);
    expect(guard.incidents(cgroup.path)).toEqual([]);
    expect(share).toBeLessThan(patient(0.05));
  });

  test("a tmpfs leak counts as memory that cannot be reclaimed: the guard kills, the kernel does not", async () => {
    const cgroup = top.child("shm", 200 * MIB);
    const directory = mkdtempSync(`${tmpdir()}/oom-guard-shm-`);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "none", directory]).exitCode).toBe(0);
    try {
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400, shm: `${directory}/leak` });
      expect(await leak.exited).toBe(137);
    } finally {
      Bun.spawnSync(["umount", "-l", directory]);
      rmdirSync(directory);
    }
    expect(cgroup.oomKills).toBe(0);
    const incident = await guard.incident(cgroup.path, "kill");
    expect(incident.reclaimableBytes).toBeLessThan(4 * MIB);
  });

  test("page cache is dropped before the limit, so that the threshold can fire again", async () => {
    const cgroup = top.child("reclaim", 200 * MIB);
    const file = `${guard.stateDir}/cache`;
    mkdirSync(guard.stateDir, { recursive: true });
    const fill = `echo $$ >${cgroup.procsFile}; dd if=/dev/zero of=${file} bs=1M count=300 conv=fsync 2>/dev/null`;
    expect(Bun.spawnSync(["sh", "-c", fill]).exitCode).toBe(0);
    await until("enough of the cache is dropped", () => cgroup.usageBytes < 192 * MIB);
    expect(guard.incidents(cgroup.path)).toEqual([]);
  });
});
