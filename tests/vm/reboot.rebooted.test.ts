import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { kernelOomKills } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const guard = InstalledGuard.found();
afterAll(() => guard.remove());

test("after a reboot: it is back by itself, remembers, and kills again", async () => {
  await guard.active();
  const { id, cgroup: earlier, usageBytes } = JSON.parse(readFileSync("/root/killed.json", "utf8"));
  expect(guard.incidents(earlier)).toMatchObject([{ id, usageBytes, kind: "kill" }]);

  const before = kernelOomKills();
  const cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
  await Bun.sleep(1000);
  const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
  expect(await leak.exited).toBe(137);
  await guard.incident(cgroup.path, "kill");
  expect(kernelOomKills()).toBe(before);
  await cgroup.remove();
});
