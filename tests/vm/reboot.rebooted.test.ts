import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { InstalledGuard } from "../support/installed-guard.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const guard = InstalledGuard.found();
afterAll(() => guard.remove());

test("after a reboot: it is back by itself, remembers, and kills again", async () => {
  await guard.active();
  const { id, cgroup: earlier, usageBytes } = JSON.parse(readFileSync("/root/killed.json", "utf8"));
  expect(guard.incidents(earlier)).toMatchObject([{ id, usageBytes, kind: "kill" }]);

  const before = kernelOomKills();
  const container = await BareContainer.create(100);
  const leak = await container.leak(200);
  expect(await leak.exited).toBe(137);
  await guard.incident(container.path, "kill");
  expect(kernelOomKillsSince(before)).toEqual([]);
  await container.remove();
});
