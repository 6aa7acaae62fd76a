import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const VAR_LIB = "/var/lib";

describe("/var cannot be written", () => {
  let guard: InstalledGuard;
  let container: BareContainer;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
    guard.systemctl("stop", "oom-guard");
  });

  afterEach(async () => {
    await container.remove();
    guard.systemctl("stop", "oom-guard");
    command("umount", VAR_LIB);
  });

  afterAll(() => guard.remove());

  test("the guard starts, kills, says so in the journal, and the incident is not lost", async () => {
    // A file system of its own: what systemd mounts writable for the service stays read-only below.
    command("mount", "-t", "tmpfs", "tmpfs", VAR_LIB);
    command("mkdir", "-m", "700", `${VAR_LIB}/oom-guard`);
    command("mount", "-o", "remount,ro", VAR_LIB);
    guard.systemctl("start", "oom-guard");
    await guard.active();

    const before = kernelOomKills();
    container = await BareContainer.create(100);
    const leak = await container.leak(200);
    expect(await leak.exited).toBe(137);
    const [told] = await guard.journaled(`OOM_GUARD_CGROUP=${container.path}`);
    expect(told?.MESSAGE).toStartWith("killed ");
    expect(kernelOomKillsSince(before)).toEqual([]);

    command("mount", "-o", "remount,rw", VAR_LIB);
    guard.systemctl("restart", "oom-guard");
    await guard.active();
    expect(await guard.incident(container.path, "kill")).toMatchObject({ id: told?.OOM_GUARD_INCIDENT });
  });
});
