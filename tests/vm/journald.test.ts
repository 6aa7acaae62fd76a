import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";

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

  afterEach(async () => {
    command("systemctl", "start", ...SOCKETS, "systemd-journald.service");
    await container.remove();
  });

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
    // A host that stood still for a while may have had the guard note a victim as stuck, too.
    const kills = () => guard.incidents(container.path).filter(({ kind }) => kind === "kill");
    await until("three kills", () => kills().length === 3);
    expect(kernelOomKillsSince(before)).toEqual([]);

    command("systemctl", "start", ...SOCKETS, "systemd-journald.service");
    const told = () => {
      const ids = guard
        .journal(`OOM_GUARD_CGROUP=${container.path}`)
        .map((entry) => entry.OOM_GUARD_INCIDENT);
      return kills().flatMap(({ id }) => (ids.includes(id) ? [id] : []));
    };
    await until("all three are told", () => told().length === 3, 30_000);
    const order = guard
      .journal(`OOM_GUARD_CGROUP=${container.path}`)
      .map((entry) => entry.OOM_GUARD_INCIDENT);
    expect(order.filter((id) => told().includes(id ?? ""))).toEqual(told());
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
