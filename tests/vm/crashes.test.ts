import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { InstalledGuard } from "../support/installed-guard.ts";
import { sentinelThread } from "../support/processes.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";
import { wedge } from "../support/wedge.ts";

setDefaultTimeout(600_000);

describe("what the guard does not survive, systemd makes good", () => {
  let guard: InstalledGuard;
  let container: BareContainer;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => container.remove());

  afterAll(() => guard.remove());

  const killsALeak = async () => {
    const before = kernelOomKills();
    container = await BareContainer.create(100);
    const leak = await container.leak(200);
    expect(await leak.exited).toBe(137);
    await guard.incident(container.path, "kill");
    expect(kernelOomKillsSince(before)).toEqual([]);
  };

  test.each([
    ["SIGKILL", "killed"],
    ["SIGSEGV", "killed"],
    ["SIGSTOP", "watchdog"],
  ] as const)("%s: it is started again, is armed, and kills the next leak", async (signal, how) => {
    const pid = guard.pid;
    const restarts = Number(guard.property("NRestarts"));
    process.kill(pid, signal);
    await guard.active(pid);
    expect(Number(guard.property("NRestarts"))).toBe(restarts + 1);
    const told = guard.journal().map(({ MESSAGE }) => MESSAGE);
    expect(told.some((message) => message?.includes(how))).toBe(true);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await killsALeak();
  });

  test("a wedged sentinel thread is noticed: the journal says so, and the guard is started again", async () => {
    const pid = guard.pid;
    const release = await wedge(sentinelThread(pid));
    await guard.active(pid);
    await release();
    const said = guard.journal("PRIORITY=3", "SYSLOG_IDENTIFIER=oom-guard").map(({ MESSAGE }) => MESSAGE);
    expect(said.join()).toContain("the sentinel thread does not answer");
    await killsALeak();
  });
});
