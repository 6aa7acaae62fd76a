import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { RUNS, race, WON_AT_LEAST } from "../support/race.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(180_000));

describe.skipIf(missingLeak() !== null)("the race against the kernel's OOM killer", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeAll(async () => {
    compileLeak();
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path] });
  });

  afterAll(async () => {
    await guard.stop();
    await top.remove();
  });

  test.each([
    { threads: 1, huge: false },
    { threads: 2, huge: false },
    { threads: 1, huge: true },
    { threads: 2, huge: true },
  ])("limit 1000M, %o: the guard kills first", async ({ threads, huge }) => {
    let won = 0;
    for (let i = 0; i < RUNS; i++) {
      won += Number(
        await race(guard, top.child(`leak-${threads}-${huge}-${i}`, 1000 * MIB), async (cgroup) => {
          const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 1500, threads, huge });
          expect(await leak.exited).toBe(137);
        }),
      );
    }
    expect(won).toBeGreaterThanOrEqual(WON_AT_LEAST);
  });

  test("a cgroup full of page cache, then a leak: the guard kills first", async () => {
    // Without reclaim beforehand, which would empty the cgroup and let the threshold fire as if nothing had been.
    await guard.stop();
    guard = await TestGuard.start({ roots: [top.path], config: '[reclaim]\nmode = "never"\n' });
    const file = `${guard.stateDir}/cache`;
    writeFileSync(file, Buffer.alloc(400 * MIB, 1));
    // Dirty pages cannot be dropped.
    Bun.spawnSync(["sync", file]);
    let won = 0;
    for (let i = 0; i < RUNS; i++) {
      won += Number(
        await race(guard, top.child(`cache-${i}`, 200 * MIB), async (cgroup) => {
          const fill = `echo $$ >${cgroup.procsFile}; cat ${file} ${file} >/dev/null`;
          // The page cache belongs to whoever read the file first: drop what earlier runs hold of it.
          writeFileSync("/proc/sys/vm/drop_caches", "1");
          expect(Bun.spawnSync(["sh", "-c", fill]).exitCode).toBe(0);
          expect(cgroup.fileCacheBytes).toBeGreaterThan(190 * MIB);
          const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400 });
          expect(await leak.exited).toBe(137);
        }),
      );
    }
    expect(won).toBeGreaterThanOrEqual(WON_AT_LEAST);
  });
});
