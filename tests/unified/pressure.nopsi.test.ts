import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";

setDefaultTimeout(patient(60_000));

let top: TestCgroup;

beforeEach(() => {
  top = TestCgroup.top();
});

afterEach(() => top.remove());

test("a machine on cgroup v2 without pressure stall information", () => {
  expect(hierarchy.version).toBe(2);
  expect(existsSync("/proc/pressure")).toBe(false);
});

test.each([
  ["memory.high holds a leak back all the same, at full speed", "", 0, undefined],
  [
    "without memory.high, too, polling catches a slow leak; what is missing is said once",
    '[v2]\nhigh = "off"\n',
    1,
    10,
  ],
])("%s", async (_, config, refusals, rateMbPerS) => {
  const guard = await TestGuard.start({ roots: [top.path], config });
  const cgroups = [await top.armedChild("a", 100 * MIB), await top.armedChild("b", 100 * MIB)];
  for (const cgroup of cgroups) {
    const rate = rateMbPerS === undefined ? {} : { rateMbPerS };
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, ...rate });
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "kill");
    expect(cgroup.oomKills).toBe(0);
  }
  expect(guard.logged("gives no pressure notifications")).toHaveLength(refusals);
  await guard.stop();
});
