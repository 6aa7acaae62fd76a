import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(120_000));

const LEAKS = 64;
const LIMIT = 40 * MIB;
const MARGIN = 20 * MIB;

describe.skipIf(missingLeak() !== null)("leaks that take their time, many at once", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeAll(async () => {
    compileLeak();
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path], config: `min_margin = "${MARGIN}"\n` });
  });

  afterAll(async () => {
    await guard.stop();
    await top.remove();
  });

  // What the kernel has charged ahead for a CPU goes back when others charge there: usage is below the threshold again for
  // a moment. The kernel does not see that, and says nothing when usage rises above it for good.
  test("die soon after their threshold, though usage falls below it again unseen", async () => {
    // Four pages apart, so that usage crosses the threshold in every place between two looks of the kernel's.
    const cgroups = Array.from({ length: LEAKS }, (_, i) => top.child(`leak-${i}`, LIMIT + i * 16_384));
    const leaks = await Promise.all(
      cgroups.map(({ procsFile }) => startLeak({ procsFile, megabytes: 60, rateMbPerS: 3 })),
    );
    for (const leak of leaks) expect(await leak.exited).toBe(137);
    expect(cgroups.filter(({ oomKills }) => oomKills > 0).map(({ path }) => path)).toEqual([]);
    const overshootsMib = cgroups.map(({ peakBytes }) => (peakBytes - (LIMIT - MARGIN)) / MIB);
    expect(overshootsMib.filter((overshoot) => overshoot > MARGIN / MIB / 4)).toEqual([]);
  });
});
