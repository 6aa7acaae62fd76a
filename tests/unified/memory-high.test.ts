import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const LIMIT = 100 * MIB;
const THRESHOLD = String(98 * MIB);
const BELOW = String(60 * MIB);
const ABOVE = String(99 * MIB);

let top: TestCgroup;
let guard: TestGuard;

beforeEach(async () => {
  top = TestCgroup.top();
  guard = await TestGuard.start({ roots: [top.path] });
});

afterEach(async () => {
  await guard.stop();
  await top.remove();
});

const high = (cgroup: TestCgroup) => cgroup.read("memory.high").trim();
const becomes = (cgroup: TestCgroup, value: string) =>
  until(`memory.high of ${cgroup.path} is ${value}`, () => high(cgroup) === value);

/** One whose memory.high somebody else has set before the guard sees its limit. */
function foreign(name: string, value: string): TestCgroup {
  const cgroup = top.child(name);
  cgroup.write("memory.high", value);
  cgroup.limit(LIMIT);
  return cgroup;
}

async function stopGuard(): Promise<void> {
  guard.signal("SIGTERM");
  expect(await guard.exited()).toBe(0);
}

const release = () => Bun.spawnSync([BINARY, "release", "--state-dir", guard.stateDir]);

describe("memory.high while the guard runs", () => {
  test("is the threshold where it was nobody's", async () => {
    await becomes(top.child("free", LIMIT), THRESHOLD);
  });

  test("follows the limit, and is given back when the limit goes", async () => {
    const cgroup = top.child("moved", LIMIT);
    await becomes(cgroup, THRESHOLD);
    cgroup.limit(200 * MIB);
    await becomes(cgroup, String(196 * MIB));
    cgroup.limit(50 * MIB);
    await becomes(cgroup, String(49 * MIB));
    cgroup.limit(-1);
    await becomes(cgroup, "max");
  });

  test("stays somebody else's where that is less, and the leak is killed all the same", async () => {
    // Far below, the kernel would let a leak come up to the threshold in minutes only.
    const less = String(97 * MIB);
    const cgroup = foreign("less", less);
    await pause(100);
    expect(high(cgroup)).toBe(less);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect((await guard.incident(cgroup.path, "kill")).usageBytes).toBeGreaterThanOrEqual(98 * MIB);
    expect(cgroup.oomKills).toBe(0);
    expect(high(cgroup)).toBe(less);
  });

  test("is set again when somebody overwrites it with more, and left alone with less", async () => {
    const cgroup = top.child("overwritten", LIMIT);
    await becomes(cgroup, THRESHOLD);
    cgroup.write("memory.high", "max");
    await becomes(cgroup, THRESHOLD);
    cgroup.write("memory.high", ABOVE);
    await becomes(cgroup, THRESHOLD);
    cgroup.write("memory.high", BELOW);
    await pause(100);
    expect(high(cgroup)).toBe(BELOW);
    await stopGuard();
    expect(high(cgroup)).toBe(BELOW);
  });

  test("is not written with policy noop: what the guard only notes, the kernel must kill", async () => {
    await stopGuard();
    guard = await TestGuard.start({ roots: [top.path], config: 'policy = "noop"\nmin_margin = "20M"\n' });
    const cgroup = await top.armedChild("noop", LIMIT);
    expect(high(cgroup)).toBe("max");
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 5 });
    expect(await leak.exited).toBe(137);
    await guard.incident(cgroup.path, "would-kill");
    await guard.incident(cgroup.path, "kernel-oom");
    expect(cgroup.oomKills).toBe(1);
  });

  test('is not written with high = "off", and a leak is killed by what else there is', async () => {
    await stopGuard();
    guard = await TestGuard.start({ roots: [top.path], config: '[v2]\nhigh = "off"\n' });
    const cgroup = await top.armedChild("off", LIMIT);
    expect(high(cgroup)).toBe("max");
    expect(guard.logged("memory.high is not written")).toHaveLength(1);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 97, hold: true, rateMbPerS: 100 });
    await until("it is near", () => cgroup.usageBytes >= 97 * MIB);
    const rest = await startLeak({ procsFile: cgroup.procsFile, megabytes: 50, rateMbPerS: 5 });
    expect([await leak.exited, await rest.exited]).toEqual([137, 137]);
    await guard.incident(cgroup.path, "kill");
    expect(cgroup.oomKills).toBe(0);
    expect(high(cgroup)).toBe("max");
  });

  test('does with kernel_oom = "hold" what it does without, and that is said once', async () => {
    await stopGuard();
    guard = await TestGuard.start({ roots: [top.path], config: 'kernel_oom = "hold"\n' });
    expect(guard.logged('without effect here: kernel_oom = "hold"')).toHaveLength(1);
    const cgroup = top.child("both", LIMIT);
    await becomes(cgroup, THRESHOLD);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(0);
  });

  test("does not hold back a cgroup in which nobody may be killed, until it is below its threshold again", async () => {
    const cgroup = top.child("untouchable", LIMIT);
    const { procsFile } = cgroup;
    await becomes(cgroup, THRESHOLD);
    const leak = await startLeak({ procsFile, megabytes: 99, hold: true, adj: -1000, rateMbPerS: 100 });
    await becomes(cgroup, "max");
    await until("it got all it wanted", () => cgroup.usageBytes >= 99 * MIB);
    const said = () => guard.logged("holds no process the guard may kill").length;
    await until("that is said", () => said() > 0);
    // What is written in it makes the guard look again.
    cgroup.limit(LIMIT);
    await pause(100);
    expect(high(cgroup)).toBe("max");
    expect(said()).toBe(1);
    await leak.kill();
    cgroup.limit(LIMIT);
    await becomes(cgroup, THRESHOLD);
  });
});

describe("memory.high when the guard is gone", () => {
  let free: TestCgroup;
  let set: TestCgroup;

  beforeEach(async () => {
    free = top.child("free", LIMIT);
    set = foreign("set", ABOVE);
    for (const cgroup of [free, set]) await becomes(cgroup, THRESHOLD);
  });

  const isAsItWasFound = () => expect([high(free), high(set)]).toEqual(["max", ABOVE]);

  test("SIGTERM: is what it was", async () => {
    await stopGuard();
    isAsItWasFound();
  });

  test("SIGKILL: the next start adopts it, and its stop leaves it as it was", async () => {
    await guard.crash();
    expect([high(free), high(set)]).toEqual([THRESHOLD, THRESHOLD]);
    await guard.restart();
    expect([high(free), high(set)]).toEqual([THRESHOLD, THRESHOLD]);
    await guard.crash();
    await guard.restart();
    await stopGuard();
    isAsItWasFound();
  });

  test("SIGKILL, and the limit is another one at the next start", async () => {
    await guard.crash();
    free.limit(200 * MIB);
    set.limit(50 * MIB);
    await guard.restart();
    expect([high(free), high(set)]).toEqual([String(196 * MIB), String(49 * MIB)]);
    await guard.crash();
    await guard.restart();
    await stopGuard();
    isAsItWasFound();
  });

  test("SIGKILL: release gives it back, says so, and once only", async () => {
    await guard.crash();
    const first = release();
    expect([first.exitCode, String(first.stdout)]).toEqual([0, "memory.high given back: 2 cgroups\n"]);
    isAsItWasFound();
    const second = release();
    expect([second.exitCode, String(second.stdout)]).toEqual([0, ""]);
  });

  test("SIGKILL: the next start gives back what it does not guard any more", async () => {
    await guard.crash();
    guard.configure(`[[rule]]\ncgroup = "${free.path}"\npolicy = "noop"\n`);
    await guard.restart();
    expect([high(free), high(set)]).toEqual(["max", THRESHOLD]);
  });

  test("SIGKILL, and somebody else sets it then: that is not touched", async () => {
    await guard.crash();
    free.write("memory.high", BELOW);
    expect(release().exitCode).toBe(0);
    expect([high(free), high(set)]).toEqual([BELOW, ABOVE]);
  });

  test("SIGKILL, and a new cgroup has the name of an old one: that is not touched", async () => {
    await guard.crash();
    await free.remove();
    const again = top.child("free", LIMIT);
    again.write("memory.high", THRESHOLD);
    expect(release().exitCode).toBe(0);
    expect(high(again)).toBe(THRESHOLD);
  });

  test("release beside a running guard refuses, and changes nothing", async () => {
    const refused = release();
    expect(refused.exitCode).toBe(1);
    expect(String(refused.stderr)).toContain(`pid ${guard.pid}`);
    expect([high(free), high(set)]).toEqual([THRESHOLD, THRESHOLD]);
  });
});
