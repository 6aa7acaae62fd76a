import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";

setDefaultTimeout(300_000);

const DAY_S = 86_400;
// Longer than the watchdog's time.
const AFTER_THE_JUMP_MS = 40_000;

describe("the clock jumps", () => {
  let guard: InstalledGuard;
  let container: BareContainer;

  beforeAll(async () => {
    guard = await InstalledGuard.start();
  });

  afterEach(() => container.remove());

  afterAll(() => guard.remove());

  test.each([
    ["a year ahead", 365 * DAY_S],
    ["a year back, to where it was", -365 * DAY_S],
  ])("%s: the guard stays, and a leak is killed and told with the new time", async (_, seconds) => {
    const pid = guard.pid;
    const before = kernelOomKills();
    command("date", "-s", `@${Math.round(Date.now() / 1000) + seconds}`);
    const jumped = Date.now();
    await Bun.sleep(AFTER_THE_JUMP_MS);
    container = await BareContainer.create(100);
    const leak = await container.leak(200);
    expect(await leak.exited).toBe(137);
    const kill = await guard.incident(container.path, "kill");
    expect(kernelOomKillsSince(before)).toEqual([]);
    expect(Math.abs(Date.parse(kill.time) - jumped)).toBeLessThan(3_600_000);
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
