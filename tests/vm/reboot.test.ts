import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { InstalledGuard } from "../support/installed-guard.ts";
import { BareContainer } from "../support/vm/bare-container.ts";

setDefaultTimeout(300_000);

// Goes on in reboot.rebooted.test.ts, after the machine was booted again.
test("before a reboot: an enabled guard kills a leak", async () => {
  const guard = await InstalledGuard.start();
  const container = await BareContainer.create(100);
  const leak = await container.leak(200);
  expect(await leak.exited).toBe(137);
  const kill = await guard.incident(container.path, "kill");
  writeFileSync("/root/killed.json", JSON.stringify(kill));
});
