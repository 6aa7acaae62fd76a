import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const SOCKETS = [
  "systemd-journald.socket",
  "systemd-journald-dev-log.socket",
  "systemd-journald-audit.socket",
];

describe("journald is stopped", () => {
  let guard: InstalledGuard;
  let cgroup: TestCgroup;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => cgroup.remove());

  afterAll(() => guard.remove());

  test("the guard goes on, and what it had to say is in the journal when that is back", async () => {
    const pid = guard.pid;
    const before = kernelOomKills();
    command("systemctl", "stop", ...SOCKETS, "systemd-journald.service");
    cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
    await Bun.sleep(1000);
    for (let i = 0; i < 3; i++) {
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
      expect(await leak.exited).toBe(137);
    }
    await until("three incidents", () => guard.incidents(cgroup.path).length === 3);
    expect(kernelOomKills()).toBe(before);

    command("systemctl", "start", ...SOCKETS, "systemd-journald.service");
    await until(
      "all three are told",
      () => guard.journal(`OOM_GUARD_CGROUP=${cgroup.path}`).length === 3,
      30_000,
    );
    const told = guard.journal(`OOM_GUARD_CGROUP=${cgroup.path}`).map((entry) => entry.OOM_GUARD_INCIDENT);
    expect(told).toEqual(guard.incidents(cgroup.path).map(({ id }) => id));
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
