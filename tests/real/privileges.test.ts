import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { totalSwapBytes } from "../../ffi/sysinfo.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { type GuardOptions, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const NOT_LOCKED = "memory is not locked";

describe.skipIf(missingLeak() !== null)("what a kernel or a unit may refuse", () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeEach(() => {
    top = TestCgroup.top();
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  const start = async (more: Partial<GuardOptions>) => {
    guard = await TestGuard.start({ roots: [top.path], ...more });
  };

  const expectAKill = async () => {
    const cgroup = await top.armedChild("leak", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300, rateMbPerS: 100 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
  };

  // With swap: tests/vm/swap.
  test.skipIf(totalSwapBytes() > 0)(
    "without swap its executable and libraries are locked, and no memory besides",
    async () => {
      await start({});
      await until("the files are locked", () => guard.lockedBytes > 0);
      const mappings = readFileSync(`/proc/${guard.pid}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
      for (const mapping of mappings) {
        const [head = ""] = mapping.split("\n");
        // A store's index is shared, and mapped when there is something to store.
        if (/^\S+ ...s/.test(head)) continue;
        const isLocked = / lo( |$)/m.test(/^VmFlags:.*$/m.exec(mapping)?.[0] ?? "");
        expect({ head, isLocked }).toEqual({ head, isLocked: / \/\S/.test(head) });
      }
      expect(guard.rssBytes).toBeLessThan(100 * MIB);
      expect(guard.logged(NOT_LOCKED)).toEqual([]);
      await expectAKill();
    },
  );

  test.each([
    ["a kernel that does not know ONFAULT", "nomlock2"],
    ["a kernel that takes ONFAULT and ignores it", "eager"],
  ])("%s: nothing is locked, and that is said once", async (_, fault) => {
    await start({ env: oldKernel(fault) });
    await expectAKill();
    expect(guard.lockedBytes).toBe(0);
    expect(guard.logged(NOT_LOCKED)).toMatchObject([{ level: "info" }]);
  });

  test.each([
    ["no memory at all may be locked", "0"],
    ["less may be locked than there is", "1048576"],
  ])("%s: said once, with what it needs", async (_, memlock) => {
    await start({ enter: ["setpriv", "--bounding-set", "-ipc_lock", "prlimit", `--memlock=${memlock}`] });
    // It guards first.
    await until("it is said", () => guard.logged(NOT_LOCKED).length > 0);
    expect(guard.lockedBytes).toBe(0);
    const [line, ...others] = guard.logged(NOT_LOCKED);
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: "info", msg: expect.stringContaining("CAP_IPC_LOCK") });
  });

  test("a thread that may not go first guards all the same, and says once what it needs", async () => {
    await start({ enter: ["setpriv", "--bounding-set", "-sys_nice"] });
    const [line, ...others] = guard.logged("ordinary priority");
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      level: "warn",
      msg: expect.stringMatching(/CAP_SYS_NICE.*cpu\.rt_runtime_us/),
    });
    await expectAKill();
  });
});
