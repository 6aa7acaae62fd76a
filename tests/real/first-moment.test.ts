import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(120_000));

const STARTS = 8;

describe.skipIf(missingLeak() !== null)("the first moment of a guard, before its sentinel is warm", () => {
  let top: TestCgroup;

  beforeEach(() => {
    top = TestCgroup.top();
  });

  afterEach(() => top.remove());

  test("a leak that comes as soon as it guards is killed before the kernel has to", async () => {
    for (let i = 0; i < STARTS; i++) {
      const cgroup = top.child(`leak-${i}`, 1000 * MIB);
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 1500, wait: true });
      const guard = await TestGuard.start({ roots: [top.path], cold: true });
      try {
        leak.go();
        expect(await leak.exited).toBe(137);
        expect(cgroup.oomKills).toBe(0);
      } finally {
        await guard.stop();
        await leak.kill();
      }
    }
  });
});
