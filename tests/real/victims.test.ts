import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { Freezer } from "../support/freezer.ts";
import { TestGuard } from "../support/guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { gently, patient, pause } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

/** Thaws what a failed test has left frozen, or nothing could ever end it. */
const frozen: Freezer[] = [];

const id = (digit: string) => digit.repeat(64);

describe.skipIf(missingLeak() !== null)("who dies", () => {
  let top: TestCgroup;
  let guard: TestGuard;
  let leaks: Leak[];

  beforeEach(async () => {
    top = TestCgroup.top();
    leaks = [];
    guard = await TestGuard.start({ roots: [top.path] });
  });

  afterEach(async () => {
    for (const freezer of frozen.splice(0)) freezer.thaw();
    await guard.stop();
    for (const leak of leaks) await leak.kill();
    await top.remove();
  });

  async function hold(cgroup: TestCgroup, megabytes: number, more = {}): Promise<Leak> {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, hold: true, ...more });
    leaks.push(leak);
    const rss = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${leak.pid}/status`, "utf8"))?.[1]);
    if (!("wait" in more))
      await until("it holds its memory", () => !alive(leak.pid) || rss() >= megabytes * 1024);
    return leak;
  }

  test("200 forked processes leaking together: all die, none escapes", async () => {
    const cgroup = top.child("forks", 400 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 2000, forks: 200 });
    expect(await leak.exited).toBe(137);
    await until("the cgroup is empty", () => cgroup.pids.length === 0);
    await pause(200);
    expect(cgroup.pids).toEqual([]);
    // Two cores fill the margin in the time 201 signals take, so the kernel may shoot one of the dying too.
    const kills = guard.incidents(cgroup.path).filter(({ kind }) => kind === "kill");
    expect(kills).toHaveLength(1);
    expect(kills[0]?.victimCount).toBeGreaterThanOrEqual(200 - cgroup.oomKills);
  });

  test("a process of many threads dies alone, though it takes its time to give its memory back", async () => {
    await guard.stop();
    guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "process"] });
    for (let i = 0; i < 5; i++) {
      const cgroup = await top.armedChild(`threads-${i}`, 600 * MIB);
      const neighbour = await hold(cgroup, 20);
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 800, threads: 8 });
      expect(await leak.exited).toBe(137);
      await until("it is told that it is dead", () => guard.incidents(cgroup.path)[0]?.deadMillis != null);
      expect(guard.incidents(cgroup.path)).toHaveLength(1);
      expect(alive(neighbour.pid)).toBe(true);
      await neighbour.kill();
      await cgroup.remove();
    }
  });

  test("a fork bomb that never stops forking ends with an empty cgroup", async () => {
    const cgroup = top.child("bomb", 64 * MIB);
    const script = `echo $$ >${cgroup.procsFile}; f() { f & f & sleep 100; }; f`;
    const child = Bun.spawn(["sh", "-c", `ulimit -u 4000; ${script}`], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    await child.exited;
    await until("the cgroup is empty", () => cgroup.pids.length === 0, 20_000);
    expect(guard.incidents(cgroup.path).some(({ kind }) => kind === "kill")).toBe(true);
  });

  test("a pod at its limit: the larger container dies, the other one and the sandbox live", async () => {
    const pod = top.child("kubepods/burstable/pod11111111-2222-3333-4444-555555555555");
    const [sandbox, small, large] = ["a", "b", "c"].map((digit) => pod.child(id(digit)));
    const sandboxed = await startPause(sandbox!);
    const app = await hold(small!, 60);
    const leak = await hold(large!, 400, { wait: true });
    pod.limit(300 * MIB);
    leak.go();
    expect(await leak.exited).toBe(137);
    await until("the larger container is empty", () => large!.pids.length === 0);
    await pause(200);
    expect(alive(sandboxed.pid)).toBe(true);
    expect(alive(app.pid)).toBe(true);
    expect(pod.oomKills + large!.oomKills + small!.oomKills).toBe(0);
    const incident = await guard.incident(pod.path, "kill");
    expect(incident).toMatchObject({ cgroup: pod.path, containerId: id("c"), limitBytes: 300 * MIB });
    expect(guard.incidents(pod.path)).toHaveLength(1);
    sandboxed.kill();
  });

  test("a pod whose containers are all gone: the sandbox is never killed, and it is said once", async () => {
    const pod = top.child("kubepods/pod11111111-2222-3333-4444-666666666666");
    const sandbox = pod.uncountedChild(id("a"));
    const sandboxed = await startPause(sandbox);
    const holder = await hold(pod, 40);
    pod.limit(41 * MIB);
    await until("it is said", () => guard.logged("holds no process").length > 0);
    await pause(2500);
    expect(guard.logged("holds no process")).toHaveLength(1);
    expect(alive(sandboxed.pid)).toBe(true);
    expect(alive(holder.pid)).toBe(true);
    sandboxed.kill();
  });

  test("while victims die nothing else in the pod is killed, and afterwards nothing needs to be", async () => {
    const pod = top.child("kubepods/burstable/pod11111111-2222-3333-4444-777777777777");
    const [first, second] = ["b", "c"].map((digit) => pod.child(id(digit)));
    const dying = await hold(first!, 200);
    const other = await hold(second!, 60);
    const thaw = freeze(dying);
    // Each new limit makes the guard look at once: the first look strikes, the others find a kill under way.
    for (const limit of [263, 262.5, 262]) {
      pod.limit(limit * MIB);
      // No longer in an emulated machine either: after 5 s the guard takes the frozen one for stuck.
      await Bun.sleep(500);
    }
    expect(alive(other.pid)).toBe(true);
    expect(guard.incidents(pod.path)).toMatchObject([
      { kind: "kill", containerId: id("b"), deadMillis: null },
    ]);
    await thaw();
    await until("the death is noted", () => guard.incidents(pod.path)[0]?.deadMillis !== null);
    await pause(300);
    expect(alive(other.pid)).toBe(true);
    expect(guard.incidents(pod.path)).toHaveLength(1);
  });

  test("a container that a rule exempts is passed over when its pod is at the limit", async () => {
    await guard.stop();
    guard = await TestGuard.start({
      roots: [top.path],
      config: `[[rule]]\ncgroup = "**/${id("c")}"\npolicy = "noop"\n`,
    });
    const pod = top.child("kubepods/burstable/pod11111111-2222-3333-4444-888888888888", 300 * MIB);
    const [small, large] = ["b", "c"].map((digit) => pod.child(id(digit)));
    const exempt = await hold(large!, 200);
    const leak = await startLeak({ procsFile: small!.procsFile, megabytes: 150 });
    expect(await leak.exited).toBe(137);
    expect(alive(exempt.pid)).toBe(true);
    expect((await guard.incident(pod.path, "kill")).containerId).toBe(id("b"));
  });

  test("policy process: the one with the most points dies, its neighbour lives", async () => {
    await guard.stop();
    guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "process"] });
    const cgroup = top.child("process", 200 * MIB);
    const neighbour = await hold(cgroup, 60);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400 });
    expect(await leak.exited).toBe(137);
    await pause(200);
    expect(alive(neighbour.pid)).toBe(true);
    expect(cgroup.oomKills).toBe(0);
    expect(guard.incidents(cgroup.path)).toMatchObject([{ policy: "process", victims: [{ pid: leak.pid }] }]);
  });

  test("policy noop: the guard says what it would have killed, once, and the kernel does what it always did", async () => {
    await guard.stop();
    guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "noop", "--min-margin", "20M"] });
    const cgroup = top.child("noop", 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400, rateMbPerS: gently(100) });
    expect(await leak.exited).toBe(137);
    expect(cgroup.oomKills).toBe(1);
    expect((await guard.incident(cgroup.path, "would-kill")).victims).toMatchObject([{ pid: leak.pid }]);
    await guard.incident(cgroup.path, "kernel-oom");
    expect(guard.incidents(cgroup.path)).toHaveLength(2);
  });

  test("a victim that does not die is reported as stuck, and the next candidate is tried", async () => {
    await guard.stop();
    guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "process"] });
    const cgroup = top.child("stuck", 200 * MIB);
    const stuck = await hold(cgroup, 150);
    const thaw = freeze(stuck);
    const next = await hold(cgroup, 49);
    await until(
      "the frozen one is given up",
      () => guard.incidents(cgroup.path).some(({ kind }) => kind === "stuck"),
      20_000,
    );
    expect(await next.exited).toBe(137);
    const kinds = guard.incidents(cgroup.path).map(({ kind }) => kind);
    expect(kinds).toEqual(["kill", "stuck", "kill"]);
    await thaw();
  });
});

/** Keeps a process from dying. @returns lets it die */
function freeze(leak: Leak): () => Promise<void> {
  const freezer = new Freezer(leak.pid);
  frozen.push(freezer);
  return async () => {
    freezer.thaw();
    expect(await leak.exited).toBe(137);
    await freezer.remove();
  };
}

/** A process that looks like a sandbox's: called pause, next to no memory. */
async function startPause(cgroup: TestCgroup): Promise<Bun.Subprocess> {
  const pause = `${mkdtempSync(`${tmpdir()}/oom-guard-pause-`)}/pause`;
  copyFileSync("/bin/sleep", pause);
  const script = `echo $$ >${cgroup.procsFile}; exec ${pause} 1000`;
  const child = Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "ignore", "ignore"] });
  await until(
    "the pause process is there",
    () => readFileSync(`/proc/${child.pid}/comm`, "utf8") === "pause\n",
  );
  return child;
}
