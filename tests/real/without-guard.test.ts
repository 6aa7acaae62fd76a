import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(30_000));

// What the other tests compare with: they claim that the kernel has shot nobody, so its count must be one that moves.
describe.skipIf(missingLeak() !== null)("with no guard", () => {
  let top: TestCgroup;

  beforeAll(() => {
    top = TestCgroup.top();
  });

  afterAll(async () => top.remove());

  test("a leak ends at its limit by the kernel's hand, which counts it in that cgroup and in no other", async () => {
    const pod = top.child("pod", 200 * MIB);
    const [container, neighbour] = [pod.child("container", 50 * MIB), pod.child("neighbour", 50 * MIB)];
    for (let kills = 1; kills <= 2; kills++) {
      const leak = await startLeak({ procsFile: container.procsFile, megabytes: 100 });
      expect(await leak.exited).toBe(137);
      expect([container.oomKills, neighbour.oomKills, pod.oomKills]).toEqual([kills, 0, 0]);
    }
    expect(container.peakBytes).toBe(50 * MIB);
  });

  test("a pod's limit counts in the container whose process died", async () => {
    const pod = top.child("small-pod", 50 * MIB);
    const container = pod.child("container");
    const leak = await startLeak({ procsFile: container.procsFile, megabytes: 100 });
    expect(await leak.exited).toBe(137);
    expect([container.oomKills, pod.oomKills]).toEqual([1, 0]);
  });

  test("usage, anonymous memory and pids are those of what runs in it, and go with it", async () => {
    const cgroup = top.child("held", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 40, hold: true });
    await until("it is filled", () => cgroup.anonBytes >= 40 * MIB);
    expect(cgroup.usageBytes).toBeGreaterThanOrEqual(40 * MIB);
    expect(cgroup.usageBytes).toBeLessThan(45 * MIB);
    expect(cgroup.fileCacheBytes).toBeLessThan(5 * MIB);
    expect(cgroup.pids).toEqual([leak.pid]);
    expect(cgroup.isUntouched).toBe(true);
    await cgroup.remove();
    expect(await leak.exited).toBe(137);
    expect(existsSync(cgroup.directory)).toBe(false);
  });

  test("a limit that is taken away is none", async () => {
    const cgroup = top.child("freed", 50 * MIB);
    cgroup.limit(-1);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 100 });
    expect(await leak.exited).toBe(0);
    expect(cgroup.oomKills).toBe(0);
  });
});
