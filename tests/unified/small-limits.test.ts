import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { RUNS, race } from "../support/race.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(180_000));

// The margin is 1M, which one fault of a huge page jumps, and two threads at full speed cross before anybody is told.
// With v1's notifications alone that is lost; here the kernel stops the leak at the threshold.
describe.skipIf(missingLeak() !== null)("limits with hardly a margin", () => {
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
    { limitMib: 16, threads: 1, huge: false },
    { limitMib: 16, threads: 2, huge: false },
    { limitMib: 16, threads: 1, huge: true },
    { limitMib: 16, threads: 2, huge: true },
    { limitMib: 64, threads: 1, huge: false },
    { limitMib: 64, threads: 2, huge: false },
    { limitMib: 64, threads: 1, huge: true },
    { limitMib: 64, threads: 2, huge: true },
  ])("%o: the guard kills first, every time", async ({ limitMib, threads, huge }) => {
    let won = 0;
    for (let i = 0; i < RUNS; i++) {
      const cgroup = await top.armedChild(`small-${limitMib}-${threads}-${huge}-${i}`, limitMib * MIB);
      const leakFrom = async ({ procsFile }: TestCgroup) => {
        const leak = await startLeak({ procsFile, megabytes: limitMib * 2, threads, huge });
        expect(await leak.exited).toBe(137);
      };
      won += Number(await race(guard, cgroup, leakFrom));
    }
    expect(won).toBe(RUNS);
  });
});
