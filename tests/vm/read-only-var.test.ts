import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const VAR_LIB = "/var/lib";

describe("/var cannot be written", () => {
  let guard: InstalledGuard;
  let cgroup: TestCgroup;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
    guard.systemctl("stop", "oom-guard");
  });

  afterEach(async () => {
    await cgroup.remove();
    guard.systemctl("stop", "oom-guard");
    command("umount", VAR_LIB);
  });

  afterAll(() => guard.remove());

  test.each([
    ["with the state directory in it", true],
    ["and it has no state directory", false],
  ])(
    "%s: it starts, guards, says so in the journal, and the incident is not lost",
    async (_, hasStateDir) => {
      // A file system of its own: what systemd mounts writable for the service stays read-only below.
      command("mount", "-t", "tmpfs", "tmpfs", VAR_LIB);
      if (hasStateDir) command("mkdir", "-m", "700", `${VAR_LIB}/oom-guard`);
      command("mount", "-o", "remount,ro", VAR_LIB);
      guard.systemctl("reset-failed", "oom-guard");
      guard.systemctl("start", "oom-guard");
      await guard.active();

      const before = kernelOomKills();
      cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
      await Bun.sleep(1000);
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
      expect(await leak.exited).toBe(137);
      const [told] = await guard.journaled(`OOM_GUARD_CGROUP=${cgroup.path}`);
      expect(told?.MESSAGE).toStartWith("killed ");
      expect(kernelOomKills()).toBe(before);

      command("mount", "-o", "remount,rw", VAR_LIB);
      guard.systemctl("restart", "oom-guard");
      await guard.active();
      expect(await guard.incident(cgroup.path, "kill")).toMatchObject({ id: told?.OOM_GUARD_INCIDENT });
    },
  );
});
