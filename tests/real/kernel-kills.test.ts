import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { HistoryEntry } from "../../src/report/history-json.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const POD = "11111111-2222-3333-4444-555555555555";
const id = (digit: string) => digit.repeat(64);
const NOOP = ["--policy", "noop"];
/** Longer than a kill waits for what becomes of its container. */
const AFTERMATH_MS = 2500;
/** The kernel prints no more than ten kills in this time whole. */
const RATE_LIMIT_MS = 5100;

describe.skipIf(missingLeak() !== null)("the kernel's own kills", () => {
  let top: TestCgroup;
  let guard: TestGuard;
  const leaks: Leak[] = [];

  beforeEach(async () => {
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path], args: NOOP });
  });

  afterEach(async () => {
    await guard.stop();
    for (const leak of leaks.splice(0)) await leak.kill();
    await top.remove();
  });

  const podCgroup = (limit?: number) => top.child(`kubepods/burstable/pod${POD}`, limit);

  async function start(cgroup: TestCgroup, megabytes: number, more = {}): Promise<Leak> {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, ...more });
    leaks.push(leak);
    return leak;
  }

  /** A process that stays, with all its memory. */
  async function hold(cgroup: TestCgroup, megabytes: number): Promise<Leak> {
    const before = cgroup.anonBytes;
    const leak = await start(cgroup, megabytes, { hold: true });
    await until("it holds its memory", () => cgroup.anonBytes >= before + megabytes * MIB);
    return leak;
  }

  const kernelKills = () => guard.incidents(top.path).filter(({ kind }) => kind === "kernel-oom");

  /** All there are, when no more can come. */
  async function settled(count = 1): Promise<HistoryEntry[]> {
    await until("they are told", () => kernelKills().length >= count);
    await Bun.sleep(AFTERMATH_MS);
    return kernelKills();
  }

  test("a child of a container that goes on: silent, and everything is told", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    await hold(container, 10);
    const leak = await start(container, 200, { adj: 500 });
    expect(await leak.exited).toBe(137);
    const [kill, ...others] = await settled();
    expect(others).toEqual([]);
    expect(kill).toMatchObject({
      trigger: "kmsg",
      policy: "noop",
      cgroup: container.path,
      podUid: POD,
      containerId: id("c"),
      limitBytes: 100 * MIB,
      victims: [{ pid: leak.pid, comm: "leak", oomScoreAdj: 500 }],
      victimCount: 1,
      scope: "container",
      silent: true,
    });
    expect(kill?.usageBytes).toBeGreaterThan(99 * MIB);
    expect(kill?.victims[0]?.rssBytes).toBeGreaterThan(80 * MIB);
    expect(Math.abs(Date.parse(kill?.time ?? "") - Date.now())).toBeLessThan(patient(30_000));
  });

  test("the last process of a container: not silent", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([
      { victims: [{ pid: leak.pid }], scope: "container", silent: false },
    ]);
  });

  test("a container that is removed at once is still told of", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    await container.remove();
    expect(await settled()).toMatchObject([
      { containerId: id("c"), victims: [{ pid: leak.pid }], silent: false },
    ]);
  });

  test("a cgroup inside of a container: the container is told", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    const leak = await start(container.child("inside"), 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([
      { cgroup: `${container.path}/inside`, containerId: id("c"), scope: "container", silent: false },
    ]);
  });

  test("a pod at its limit: the scope is the pod, and the victim's container is told", async () => {
    const pod = podCgroup(100 * MIB);
    await hold(pod.child(id("a")), 10);
    const container = pod.child(id("b"));
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([
      {
        cgroup: container.path,
        podUid: POD,
        containerId: id("b"),
        limitBytes: 100 * MIB,
        victims: [{ pid: leak.pid }],
        scope: "pod",
        silent: false,
      },
    ]);
  });

  test("a limit above the pods counts as the node's", async () => {
    const all = top.child("kubepods", 100 * MIB);
    const leak = await start(podCgroup().child(id("a")), 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([{ containerId: id("a"), scope: "node", limitBytes: 100 * MIB }]);
    all.limit(-1);
  });

  test("a cgroup that is no container's stands for itself", async () => {
    const cgroup = top.child("plain", 100 * MIB);
    await hold(cgroup, 10);
    const leak = await start(cgroup, 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([
      {
        cgroup: cgroup.path,
        containerId: null,
        victims: [{ pid: leak.pid }],
        scope: "container",
        silent: null,
      },
    ]);
  });

  test("what is outside of the roots is nobody's business here", async () => {
    const other = TestCgroup.top();
    const leak = await start(other.child("service", 100 * MIB), 200);
    expect(await leak.exited).toBe(137);
    await Bun.sleep(AFTERMATH_MS);
    expect(guard.history()).toEqual([]);
    await other.remove();
  });

  test("ten kills at once in ten containers: ten incidents, each with its own victim", async () => {
    await Bun.sleep(RATE_LIMIT_MS);
    const containers = Array.from("0123456789", (digit) => podCgroup().child(id(digit), 20 * MIB));
    const victims = await Promise.all(containers.map((container) => start(container, 60, { wait: true })));
    for (const victim of victims) victim.go();
    for (const victim of victims) expect(await victim.exited).toBe(137);
    const kills = await settled(10);
    const found = kills.map(({ containerId, cgroup, victims, scope }) => [
      containerId,
      cgroup,
      victims[0]?.pid,
      scope,
    ]);
    expect(found.toSorted()).toEqual(
      containers.map(({ path }, i) => [id(String(i)), path, victims[i]!.pid, "container"]),
    );
  });

  test("ten kills one after the other in one container: ten incidents, each with its own victim", async () => {
    await Bun.sleep(RATE_LIMIT_MS);
    const container = podCgroup().child(id("c"), 20 * MIB);
    await hold(container, 1);
    const pids: number[] = [];
    for (let i = 0; i < 10; i++) {
      const leak = await start(container, 60);
      expect(await leak.exited).toBe(137);
      pids.push(leak.pid);
    }
    const kills = await settled(10);
    expect(kills.map(({ victims }) => victims[0]?.pid)).toEqual(pids);
    expect(kills.every(({ silent, scope }) => silent && scope === "container")).toBe(true);
  });

  test("more than the kernel prints whole: each is told once all the same", async () => {
    const container = podCgroup().child(id("c"), 20 * MIB);
    await hold(container, 1);
    for (let i = 0; i < 15; i++) expect(await (await start(container, 60)).exited).toBe(137);
    const kills = await settled(15);
    expect(kills).toHaveLength(15);
    await Bun.sleep(RATE_LIMIT_MS);
    expect(kills.every(({ containerId }) => containerId === id("c"))).toBe(true);
  });

  test("a kill while the guard is away is found at the next start, once", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    await hold(container, 10);
    guard.signal("SIGTERM");
    await guard.exited();
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    const killedMs = Date.now();
    await Bun.sleep(2000);
    await guard.restart();
    const [kill, ...others] = await settled();
    expect(others).toEqual([]);
    expect(kill).toMatchObject({ containerId: id("c"), victims: [{ pid: leak.pid }], silent: true });
    expect(Math.abs(Date.parse(kill!.time) - killedMs)).toBeLessThan(patient(1000));
    guard.signal("SIGTERM");
    await guard.exited();
    await guard.restart();
    expect(await settled()).toHaveLength(1);
  });

  test.each([0, 200, 1000, 1500, 2500])(
    "the guard is killed %d ms after the kernel killed: one incident",
    async (delayMs) => {
      const container = podCgroup().child(id("c"), 100 * MIB);
      const leak = await start(container, 200);
      expect(await leak.exited).toBe(137);
      await Bun.sleep(delayMs);
      await guard.crash();
      await guard.restart();
      expect(await settled()).toMatchObject([{ containerId: id("c"), victims: [{ pid: leak.pid }] }]);
    },
  );

  test("SIGTERM right after a kill: it is stored, and not told again", async () => {
    const container = podCgroup().child(id("c"), 100 * MIB);
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    guard.signal("SIGTERM");
    await guard.exited();
    await guard.restart();
    expect(await settled()).toMatchObject([{ containerId: id("c"), victims: [{ pid: leak.pid }] }]);
  });

  test("a log that cannot be read: said once, and the counters tell what they know", async () => {
    await guard.stop();
    const enter = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/kmsg && exec "$@"', "sh"];
    guard = await TestGuard.start({ roots: [top.path], args: NOOP, enter });
    expect(guard.logged("cannot read the kernel's log")).toHaveLength(1);
    const container = podCgroup().child(id("c"), 100 * MIB);
    await hold(container, 10);
    const leak = await start(container, 200);
    expect(await leak.exited).toBe(137);
    expect(await settled()).toMatchObject([
      { trigger: "oom", containerId: id("c"), victims: [], scope: null, silent: true },
    ]);
    await guard.crash();
    await guard.restart();
    expect(await settled()).toHaveLength(1);
    expect(guard.logged("cannot read the kernel's log")).toHaveLength(2);
  });
});
