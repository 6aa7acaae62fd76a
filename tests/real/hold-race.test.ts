import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { becomesHeld } from "../support/oom-control.ts";
import { patient, rounds } from "../support/patience.ts";
import { race } from "../support/race.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(180_000));

const RUNS = rounds(5);

describe.skipIf(missingLeak() !== null)('kernel_oom = "hold": there is no race to lose', () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeAll(async () => {
    compileLeak();
    top = TestCgroup.top();
    // Without reclaim, which would empty a full cache before.
    guard = await TestGuard.start({
      roots: [top.path],
      config: 'kernel_oom = "hold"\n[reclaim]\nmode = "never"\n',
    });
  });

  afterAll(async () => {
    await guard.stop();
    await top.remove();
  });

  const limits = [16, 64, 300];
  const ways = [
    { threads: 1, huge: false },
    { threads: 8, huge: false },
    { threads: 1, huge: true },
    { threads: 8, huge: true },
  ];
  const cells = limits.flatMap((megabytes) =>
    ways.flatMap((way) => [true, false].map((cacheFull) => ({ megabytes, ...way, cacheFull }))),
  );

  test.each(cells)(
    "%o: the kernel kills in none of all runs",
    async ({ megabytes, threads, huge, cacheFull }) => {
      const file = `${guard.stateDir}/cache`;
      if (cacheFull) {
        writeFileSync(file, Buffer.alloc(2 * megabytes * MIB, 1));
        // Dirty pages cannot be dropped.
        Bun.spawnSync(["sync", file]);
      }
      for (let i = 0; i < RUNS; i++) {
        const name = `leak-${megabytes}-${threads}-${huge}-${cacheFull}-${i}`;
        const won = await race(guard, top.child(name, megabytes * MIB), async (cgroup) => {
          await becomesHeld(cgroup);
          if (cacheFull) {
            // The page cache belongs to whoever read the file first: drop what earlier runs hold of it.
            writeFileSync("/proc/sys/vm/drop_caches", "1");
            const fill = `echo $$ >${cgroup.procsFile}; cat ${file} >/dev/null`;
            expect(Bun.spawnSync(["sh", "-c", fill]).exitCode).toBe(0);
            expect(cgroup.fileCacheBytes).toBeGreaterThan(0.7 * megabytes * MIB);
          }
          const size = 3 * megabytes;
          const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: size, threads, huge });
          expect(await leak.exited).toBe(137);
        });
        expect(won).toBe(true);
      }
    },
  );
});
