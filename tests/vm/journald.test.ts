import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const SOCKETS = [
  "systemd-journald.socket",
  "systemd-journald-dev-log.socket",
  "systemd-journald-audit.socket",
];

describe("journald is stopped", () => {
  let guard: InstalledGuard;
  let container: BareContainer;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => container.remove());

  afterAll(() => guard.remove());

  test("the guard goes on, and what it had to say is in the journal when that is back", async () => {
    const pid = guard.pid;
    const before = kernelOomKills();
    command("systemctl", "stop", ...SOCKETS, "systemd-journald.service");
    container = await BareContainer.create(100);
    for (let i = 0; i < 3; i++) {
      const leak = await container.leak(200);
      expect(await leak.exited).toBe(137);
    }
    await until("three incidents", () => guard.incidents(container.path).length === 3);
    expect(kernelOomKills()).toBe(before);

    command("systemctl", "start", ...SOCKETS, "systemd-journald.service");
    await until(
      "all three are told",
      () => guard.journal(`OOM_GUARD_CGROUP=${container.path}`).length === 3,
      30_000,
    );
    const told = guard.journal(`OOM_GUARD_CGROUP=${container.path}`).map((entry) => entry.OOM_GUARD_INCIDENT);
    expect(told).toEqual(guard.incidents(container.path).map(({ id }) => id));
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
