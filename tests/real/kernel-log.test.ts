import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KernelKill } from "../../src/kernel-log/kernel-kill.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { type FollowedLog, followLog } from "../support/followed-log.ts";
import { type LeakOptions, startLeak } from "../support/leak.ts";
import { patient, pause, rounds } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(120_000));

const FLOOD = join(import.meta.dir, "../support/kernel-log-flood.ts");
const KERNEL_LOG = join(import.meta.dir, "../../src/kernel-log/kernel-log.ts");

describe.skipIf(missingLeak() !== null)("the kernel's log", () => {
  let top: TestCgroup;
  let log: FollowedLog | null = null;

  beforeAll(() => {
    top = TestCgroup.top();
  });

  afterEach(() => {
    log?.stop();
    log = null;
  });

  afterAll(async () => top.remove());

  const of = (kills: readonly KernelKill[], pid: number) => kills.filter(({ victim }) => victim.pid === pid);

  /** Lets the kernel kill somebody in this cgroup, and waits until the log tells. @returns his pid */
  async function killedIn(followed: FollowedLog, cgroup: TestCgroup, options: Partial<LeakOptions> = {}) {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 60, ...options });
    expect(await leak.exited).toBe(137);
    await until("the kill is told", () => of(followed.kills, leak.pid).length > 0);
    return leak.pid;
  }

  /** The same, until the kernel says more than that it killed: of more than ten in 5 s it does not, wherever they are. */
  async function reportedIn(followed: FollowedLog, cgroup: TestCgroup, options: Partial<LeakOptions> = {}) {
    for (;;) {
      const pid = await killedIn(followed, cgroup, options);
      const [kill] = of(followed.kills, pid);
      if (kill?.usageBytes !== null) return pid;
      await Bun.sleep(5000);
    }
  }

  test("tells a kill at a container's limit, once, as it was", async () => {
    log = await followLog();
    const container = top.child("pod", 200 * MIB).child("container", 20 * MIB);
    const pid = await reportedIn(log, container, { adj: 7 });
    await pause(500);
    const kills = of(log.kills, pid);
    expect(kills).toHaveLength(1);
    expect(kills[0]).toMatchObject({
      shortage: "cgroup",
      limitCgroup: container.path,
      victimCgroup: container.path,
      victim: { pid, comm: "leak", oomScoreAdj: 7 },
      limitBytes: 20 * MIB,
      wholeCgroup: null,
    });
    expect(kills[0]!.usageBytes).toBeGreaterThan(19 * MIB);
    expect(kills[0]!.usageBytes).toBeLessThanOrEqual(20 * MIB);
    expect(kills[0]!.victim.rssBytes).toBeGreaterThan(15 * MIB);
    expect(kills[0]!.victim.rssBytes).toBeLessThan(30 * MIB);
  });

  test("tells whose limit it was, and where the victim was", async () => {
    log = await followLog();
    const pod = top.child("small-pod", 20 * MIB);
    const container = pod.child("container");
    const pid = await reportedIn(log, container);
    expect(of(log.kills, pid)).toMatchObject([
      { shortage: "cgroup", limitCgroup: pod.path, victimCgroup: container.path, limitBytes: 20 * MIB },
    ]);
  });

  test.each([
    [") Killed proces"],
    ["a,task=b"],
    [",pid=1,uid=0"],
    ["x) total-vm:1kB"],
    ["a\nb\\x41"],
    ["ä€"],
    ["   "],
  ])("tells a process named %j as what it is", async (name) => {
    log = await followLog();
    const container = top.child("hostile,task=x,pid=1", 20 * MIB);
    const pid = await reportedIn(log, container, { name });
    expect(of(log.kills, pid)).toMatchObject([
      { limitCgroup: container.path, victimCgroup: container.path, victim: { pid, comm: name } },
    ]);
    expect(of(log.kills, 1)).toEqual([]);
  });

  test("tells no kill that user space has written there", async () => {
    log = await followLog();
    const lines = [
      "Memory cgroup out of memory: Killed process 1 (written) total-vm:4kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB",
      "Out of memory: Killed process 1 (written) total-vm:4kB, anon-rss:4kB, file-rss:0kB",
      "Killed process 1 (written) total-vm:4kB, anon-rss:4kB, file-rss:0kB",
    ];
    for (const line of lines)
      for (const prefix of ["", "<3>", "<0>", "<11>", "<2048>", "<2051>"])
        writeFileSync("/dev/kmsg", `${prefix}${line}`);
    await killedIn(log, top.child("after", 20 * MIB));
    expect(log.kills.filter(({ victim }) => victim.comm === "written")).toEqual([]);
  });

  test("tells a real kill among 10,000 lines a second, or that lines are missing", async () => {
    log = await followLog();
    const before = log.position;
    const lines = rounds(30_000);
    const flood = Bun.spawn([process.execPath, FLOOD, "10000", String(lines)]);
    const container = top.child("flooded", 20 * MIB);
    await until("the flood has begun", () => log!.position > before + lines / 30);
    const leak = await startLeak({ procsFile: container.procsFile, megabytes: 60 });
    expect(await leak.exited).toBe(137);
    expect(await flood.exited).toBe(0);
    await until("it is told", () => of(log!.kills, leak.pid).length > 0 || log!.gaps.length > 0);
    await until("all is read", () => log!.position >= before + lines);
    expect(of(log.kills, leak.pid).length).toBeLessThanOrEqual(1);
    for (const { limitCgroup, victimCgroup } of of(log.kills, leak.pid)) {
      expect([container.path, null]).toContain(limitCgroup);
      expect([container.path, null]).toContain(victimCgroup);
    }
    expect(log.kills.filter(({ victim }) => victim.comm === "flood")).toEqual([]);
  });

  test("tells what was killed while nobody followed it, and not again what was told", async () => {
    const container = top.child("resumed", 20 * MIB);
    const first = await followLog();
    const told = await killedIn(first, container);
    const { position } = first;
    first.stop();
    const between = await startLeak({ procsFile: container.procsFile, megabytes: 60 });
    expect(await between.exited).toBe(137);

    log = await followLog(position);
    await until("it is told", () => of(log!.kills, between.pid).length > 0);
    expect(of(log.kills, told)).toEqual([]);
    await pause(500);
    expect(of(log.kills, between.pid)).toHaveLength(1);
    log.stop();

    const fresh = await followLog();
    const again = await followLog(log.position);
    const later = await killedIn(fresh, container);
    await until("it is told to the other, too", () => of(again.kills, later).length > 0);
    for (const { kills } of [fresh, again])
      expect([...of(kills, told), ...of(kills, between.pid)]).toEqual([]);
    fresh.stop();
    again.stop();
  });

  test("tells how many records are missing since then", async () => {
    log = await followLog(0);
    expect(log.gaps).toHaveLength(1);
    expect(log.gaps[0]).toBeGreaterThan(0);
    expect(log.gaps[0]).toBeLessThan(log.position);
  });

  test("begins anew with a position that is not of this boot", async () => {
    log = await followLog(2 ** 40);
    expect(log.position).toBeLessThan(2 ** 40);
    const pid = await killedIn(log, top.child("rebooted", 20 * MIB));
    expect(of(log.kills, pid)).toHaveLength(1);
  });

  test("is read where it is the standard input, whatever the path", async () => {
    const script = `
      const { KernelLog } = await import(${JSON.stringify(KERNEL_LOG)});
      const log = KernelLog.open("/nowhere", {}, null);
      for (let tries = 0; log.position === null && tries < 500; tries++) await Bun.sleep(10);
      console.log(log.position);
      log.stop();
      process.exit(0);
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stdin: openSync("/dev/kmsg", "r") });
    expect(Number(await new Response(child.stdout).text())).toBeGreaterThan(0);
    expect(await child.exited).toBe(0);
  });
});
