import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(120_000));

const FULL = 100;
const LEAKS = 10;
const LIMIT_MIB = 64;

describe.skipIf(missingLeak() !== null)("a hundred cgroups full of page cache", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeAll(async () => {
    compileLeak();
    top = TestCgroup.top();
    // With reclaim their thresholds would fire as if they had never been full.
    guard = await TestGuard.start({ roots: [top.path], config: '[reclaim]\nmode = "never"\n' });
  });

  afterAll(async () => {
    await guard.stop();
    await top.remove();
  });

  // They share what looking costs: each is looked at every 0.3 s, while a leak needs 30 ms from one end to the other.
  test("a leak that replaces the cache of one is killed before the kernel has to", async () => {
    const cgroups = Array.from({ length: FULL }, (_, i) => top.child(`full-${i}`, LIMIT_MIB * MIB));
    // One hole: its pages are clean, and cost no disk.
    const file = `${guard.stateDir}/hole`;
    writeFileSync(file, "");
    truncateSync(file, FULL * 2 * LIMIT_MIB * MIB);
    for (const [i, cgroup] of cgroups.entries()) {
      const part = `bs=1M skip=${i * 2 * LIMIT_MIB} count=${2 * LIMIT_MIB}`;
      const read = `echo $$ >${cgroup.procsFile}; exec dd if=${file} of=/dev/null status=none ${part}`;
      expect(Bun.spawnSync(["sh", "-c", read]).exitCode).toBe(0);
      expect(cgroup.fileCacheBytes).toBeGreaterThan((LIMIT_MIB - 4) * MIB);
    }
    const leaking = cgroups.filter((_, i) => i % (FULL / LEAKS) === 0);
    for (const { procsFile } of leaking) {
      const leak = await startLeak({ procsFile, megabytes: 3 * LIMIT_MIB });
      expect(await leak.exited).toBe(137);
    }
    expect(leaking.filter(({ oomKills }) => oomKills > 0).length).toBeLessThanOrEqual(
      hierarchy.racesItMayLose,
    );
  });
});
