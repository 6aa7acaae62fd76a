import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB } from "../support/cgroup.ts";
import { TestContainerd } from "../support/containerd.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak, type Leak, startLeak } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { kernelOomKills, kernelOomKillsSince, meminfoBytes } from "../support/vm/kernel.ts";
import { MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(600_000);

const LIMIT_MIB = 100;
// What the machine keeps for everything but the container: page cache and programs fight for it.
const EDGE_MIB = 60;
const SPINNERS_PER_CORE = 4;

describe("a node with no swap and no memory to spare, four busy processes a core", () => {
  let containerd: TestContainerd;
  let guard: InstalledGuard;
  const spinners: Bun.Subprocess[] = [];
  let hog: Leak | null = null;

  beforeAll(async () => {
    containerd = await TestContainerd.start();
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    guard = await InstalledGuard.start(`[runtime]\nsockets = ["${containerd.socket}"]\n`);
  });

  afterAll(async () => {
    for (const spinner of spinners) spinner.kill("SIGKILL");
    await hog?.kill();
    guard.remove();
    await containerd.stop();
  });

  test("a container's leak is still caught, three times, and named", async () => {
    const before = kernelOomKills();
    const pid = guard.pid;
    const megabytes = Math.floor(meminfoBytes("MemAvailable") / MIB) - LIMIT_MIB - EDGE_MIB;
    hog = await startLeak({ megabytes, hold: true });
    await until(
      "the memory is used up",
      () => meminfoBytes("MemAvailable") < (LIMIT_MIB + EDGE_MIB + 30) * MIB,
      60_000,
    );
    for (let i = 0; i < navigator.hardwareConcurrency * SPINNERS_PER_CORE; i++) {
      spinners.push(Bun.spawn(["sh", "-c", "while :; do :; done"]));
    }
    for (const name of ["web-0", "web-1", "web-2"]) {
      const pod = new MachinePod(containerd, { name });
      const { cgroup } = await pod.startContainer("app", LIMIT_MIB, [
        "sh",
        "-c",
        "sleep 5; exec leak - 300 rate=20",
      ]);
      expect(await guard.incident(cgroup, "kill")).toMatchObject({ pod: name });
    }
    expect(kernelOomKillsSince(before)).toEqual([]);
    // It was not restarted either: no beat of the watchdog came too late.
    expect(guard.pid).toBe(pid);
  });
});
