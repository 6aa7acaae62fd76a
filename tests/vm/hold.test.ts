import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { TestCgroup } from "../support/cgroup.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import type { Leak } from "../support/leak.ts";
import { becomesHeld, isHeld, isUnderOom } from "../support/oom-control.ts";
import { sentinelThread } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { wedge } from "../support/wedge.ts";

setDefaultTimeout(600_000);

describe("under systemd nobody waits at a limit for a guard that is gone", () => {
  let guard: InstalledGuard;
  let container: BareContainer;
  let cgroup: TestCgroup;
  let free: () => Promise<void>;
  let leak: Leak;

  beforeAll(async () => {
    guard = await InstalledGuard.start('kernel_oom = "hold"\n');
  });

  afterAll(() => guard.remove());

  /** A leak that waits for a guard that stands still. */
  beforeEach(async () => {
    container = await BareContainer.create(100);
    cgroup = new TestCgroup(container.path);
    await becomesHeld(cgroup);
    free = await wedge(sentinelThread(guard.pid));
    leak = await container.leak(200);
    await until("it waits", () => isUnderOom(cgroup), 60_000);
  });

  afterEach(async () => {
    await free();
    await container.remove();
  });

  test("SIGKILL: it dies before or with the restart, and the cgroup is held again", async () => {
    const pid = guard.pid;
    process.kill(pid, "SIGKILL");
    expect(await leak.exited).toBe(137);
    await guard.active(pid);
    await becomesHeld(cgroup);
  });

  test("a wedged sentinel thread: it dies when the watchdog has seen that", async () => {
    const pid = guard.pid;
    expect(await leak.exited).toBe(137);
    await guard.active(pid);
    const said = guard.journal("PRIORITY=3", "SYSLOG_IDENTIFIER=oom-guard").map(({ MESSAGE }) => MESSAGE);
    expect(said.join()).toContain("the sentinel thread does not answer");
  });

  test("systemctl stop: it dies, and nothing is held any more", async () => {
    guard.systemctl("stop", "oom-guard");
    expect(await leak.exited).toBe(137);
    expect(isHeld(cgroup)).toBe(false);
    guard.systemctl("start", "oom-guard");
    await guard.active();
  });
});
