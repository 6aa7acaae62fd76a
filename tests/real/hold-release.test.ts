import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { becomesHeld, isHeld, isUnderOom, setHeld } from "../support/oom-control.ts";
import { patient, pause } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const HOLD = 'kernel_oom = "hold"\n';

describe.skipIf(missingLeak() !== null)("what was held when the guard is gone", () => {
  let top: TestCgroup;
  let guard: TestGuard;
  let pod: TestCgroup;
  let child: TestCgroup;

  beforeEach(async () => {
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path], config: HOLD });
    pod = top.child("pod", 200 * MIB);
    await becomesHeld(pod);
    // It has inherited the 1 before the guard has seen it.
    child = await pod.armedChild("container", 100 * MIB);
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  const release = () => Bun.spawnSync([BINARY, "release", "--state-dir", guard.stateDir]);
  const expectFree = () => expect([isHeld(pod), isHeld(child)]).toEqual([false, false]);

  /** Nobody guards, and a leak waits at its limit. */
  async function crashInHeldOom(): Promise<Leak> {
    await guard.crash();
    const leak = await startLeak({ procsFile: child.procsFile, megabytes: 200, threads: 4 });
    await until("it waits", () => isUnderOom(child));
    return leak;
  }

  test("SIGTERM: the kernel kills at the limit again", async () => {
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    expectFree();
  });

  test("SIGKILL: release gives it back, says so, and once only", async () => {
    await guard.crash();
    expect([isHeld(pod), isHeld(child)]).toEqual([true, true]);
    const first = release();
    expect([first.exitCode, String(first.stdout)]).toEqual([0, "memory.oom_control given back: 2 cgroups\n"]);
    expectFree();
    const second = release();
    expect([second.exitCode, String(second.stdout)]).toEqual([0, ""]);
  });

  test("SIGKILL: release also frees what was made below a held cgroup since", async () => {
    await guard.crash();
    const later = pod.child("later").child("deeper");
    expect(isHeld(later)).toBe(true);
    expect(release().exitCode).toBe(0);
    expect(isHeld(later)).toBe(false);
  });

  test("SIGKILL, and another cgroup has the name of a held one: that is not touched", async () => {
    await guard.crash();
    await pod.remove();
    const again = top.child("pod");
    setHeld(again, true);
    expect(release().exitCode).toBe(0);
    expect(isHeld(again)).toBe(true);
  });

  test("SIGKILL: the next start gives back what it is not to hold any more", async () => {
    await guard.crash();
    guard.configure(`${HOLD}[[rule]]\ncgroup = "${child.path}"\nkernel_oom = "allow"\n`);
    await guard.restart();
    expect([isHeld(pod), isHeld(child)]).toEqual([true, false]);
  });

  test("SIGKILL: the next start takes over what it holds as well, and its stop gives it back", async () => {
    await guard.crash();
    await guard.restart();
    expect([isHeld(pod), isHeld(child)]).toEqual([true, true]);
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    expectFree();
  });

  test("release beside a running guard refuses, and changes nothing", async () => {
    expect(release().exitCode).toBe(1);
    expect([isHeld(pod), isHeld(child)]).toEqual([true, true]);
  });

  describe("in the middle of a held OOM", () => {
    test("nobody comes: it waits; release: the kernel kills, nobody waits any more", async () => {
      const leak = await crashInHeldOom();
      await pause(1000);
      expect([alive(leak.pid), child.oomKills]).toEqual([true, 0]);
      expect(release().exitCode).toBe(0);
      expect(await leak.exited).toBe(137);
      expect(child.oomKills).toBe(1);
    });

    test("a guard comes: it kills, the kernel does not", async () => {
      const leak = await crashInHeldOom();
      await guard.restart();
      expect(await leak.exited).toBe(137);
      await guard.incident(child.path, "kill");
      expect(child.oomKills).toBe(0);
    });

    test("a guard comes that does not hold: nobody waits", async () => {
      const leak = await crashInHeldOom();
      guard.configure('policy = "noop"\n');
      await guard.restart();
      expect(await leak.exited).toBe(137);
      expect(child.oomKills).toBe(1);
    });

    test("the guard only stands still: the leak dies when it goes on", async () => {
      guard.signal("SIGSTOP");
      const leak = await startLeak({ procsFile: child.procsFile, megabytes: 200 });
      await until("it waits", () => isUnderOom(child));
      guard.signal("SIGCONT");
      expect(await leak.exited).toBe(137);
      expect(child.oomKills).toBe(0);
    });

    test("the guard is told to stop: nobody waits", async () => {
      guard.signal("SIGSTOP");
      const leak = await startLeak({ procsFile: child.procsFile, megabytes: 200 });
      await until("it waits", () => isUnderOom(child));
      guard.signal("SIGTERM");
      guard.signal("SIGCONT");
      expect(await guard.exited()).toBe(0);
      expect(await leak.exited).toBe(137);
    });
  });
});
