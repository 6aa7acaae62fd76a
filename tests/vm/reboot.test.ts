import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";

setDefaultTimeout(300_000);

// Goes on in reboot.rebooted.test.ts, after the machine was booted again.
test("before a reboot: an enabled guard kills a leak", async () => {
  const guard = await InstalledGuard.start();
  const cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
  await Bun.sleep(1000);
  const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
  expect(await leak.exited).toBe(137);
  const kill = await guard.incident(cgroup.path, "kill");
  writeFileSync("/root/killed.json", JSON.stringify(kill));
});
