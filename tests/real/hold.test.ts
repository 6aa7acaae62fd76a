import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { Freezer } from "../support/freezer.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { becomesFree, becomesHeld, isHeld, isUnderOom, setHeld } from "../support/oom-control.ts";
import { patient, pause } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const LIMIT = 100 * MIB;
const HOLD = 'kernel_oom = "hold"\n';

describe.skipIf(missingLeak() !== null)('kernel_oom = "hold"', () => {
  let top: TestCgroup;
  let guard: TestGuard;

  beforeEach(async () => {
    top = TestCgroup.top();
    guard = await TestGuard.start({ roots: [top.path], config: HOLD });
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  /** The guard with another configuration, in force at once. */
  async function reload(config: string): Promise<void> {
    const before = guard.logged("configuration read again").length;
    guard.configure(config);
    guard.signal("SIGHUP");
    await until("it is read", () => guard.logged("configuration read again").length > before);
  }

  async function held(name: string, bytes = LIMIT): Promise<TestCgroup> {
    const cgroup = top.child(name, bytes);
    await becomesHeld(cgroup);
    return cgroup;
  }

  const leakInto = ({ procsFile }: TestCgroup, changes = {}): Promise<Leak> =>
    startLeak({ procsFile, megabytes: 200, ...changes });

  describe("what is held", () => {
    test("nothing by default", async () => {
      await reload("");
      const cgroup = await top.armedChild("plain", LIMIT);
      expect(isHeld(cgroup)).toBe(false);
    });

    test("a cgroup with a limit, as long as it has one", async () => {
      const cgroup = await held("limited");
      cgroup.limit(-1);
      await becomesFree(cgroup);
      cgroup.limit(LIMIT);
      await becomesHeld(cgroup);
    });

    test("explain says of a cgroup that it is held", async () => {
      const cgroup = await held("explained");
      const explain = Bun.spawnSync([BINARY, "explain", cgroup.path, "--json", "--config", guard.configFile]);
      expect(JSON.parse(String(explain.stdout))).toMatchObject({ cgroup: cgroup.path, held: true });
    });

    test("how many at the start is in the log", async () => {
      await held("a");
      await held("b");
      await guard.crash();
      await guard.restart();
      expect(guard.logged(" guards ").at(-1)?.fields?.held).toBe(2);
    });

    test("what a rule says, and no more", async () => {
      await reload(`[[rule]]\ncgroup = "${top.path}/chosen"\nkernel_oom = "hold"\n`);
      const chosen = await held("chosen");
      const other = await top.armedChild("other", LIMIT);
      expect(isHeld(other)).toBe(false);
      await reload(`${HOLD}[[rule]]\ncgroup = "${top.path}/chosen"\nkernel_oom = "allow"\n`);
      await becomesFree(chosen);
      await becomesHeld(other);
    });

    test("nothing with policy noop: what the guard only notes, the kernel must kill", async () => {
      const cgroup = await held("noop");
      await reload(`${HOLD}[[rule]]\ncgroup = "${cgroup.path}"\npolicy = "noop"\n`);
      await becomesFree(cgroup);
      expect(await (await leakInto(cgroup)).exited).toBe(137);
      await guard.incident(cgroup.path, "kernel-oom");
      expect(cgroup.oomKills).toBe(1);
    });

    test("one container of a held cgroup may be noop: the kernel kills at its own limit", async () => {
      await reload(`${HOLD}[[rule]]\ncgroup = "${top.path}/pod/noop"\npolicy = "noop"\n`);
      const pod = await held("pod", 400 * MIB);
      const container = pod.child("noop", LIMIT);
      await becomesFree(container);
      await pause(100);
      expect(isHeld(container)).toBe(false);
      expect(await (await leakInto(container)).exited).toBe(137);
      expect(container.oomKills).toBe(1);
      expect(isHeld(pod)).toBe(true);
    });
  });

  describe("somebody else's", () => {
    test("1 from before stays, also when the guard stops", async () => {
      const cgroup = top.child("docker");
      setHeld(cgroup, true);
      cgroup.limit(LIMIT);
      await pause(100);
      guard.signal("SIGTERM");
      expect(await guard.exited()).toBe(0);
      expect(isHeld(cgroup)).toBe(true);
    });

    test("1 from before stays below a cgroup that is held and given back", async () => {
      const pod = top.child("pod");
      const docker = pod.child("docker", LIMIT);
      setHeld(docker, true);
      pod.limit(400 * MIB);
      await becomesHeld(pod);
      await reload("");
      await becomesFree(pod);
      expect(isHeld(docker)).toBe(true);
    });

    test("0 is noticed: the cgroup is held no more, what inherited from it neither, and that is said once", async () => {
      const cgroup = await held("taken");
      setHeld(cgroup, false);
      const said = () => guard.logged("somebody else has taken memory.oom_control").length;
      await until("it is said", () => said() === 1);
      // What is written in it makes the guard look again.
      cgroup.limit(LIMIT);
      await pause(100);
      expect([isHeld(cgroup), said()]).toEqual([false, 1]);
      expect(await (await leakInto(cgroup, { rateMbPerS: 400 })).exited).toBe(137);
      await guard.incident(cgroup.path, "kill");
    });
  });

  describe("a cgroup made below a held one", () => {
    test("is free, unless it is held itself", async () => {
      const pod = await held("pod");
      const deep = pod.child("unlimited").child("deeper");
      const limited = pod.child("limited", 50 * MIB);
      await becomesFree(deep);
      await becomesFree(new TestCgroup(`${pod.path}/unlimited`));
      await becomesHeld(limited);
      await reload("");
      for (const cgroup of [pod, limited]) await becomesFree(cgroup);
    });

    test("is free after a stop, whatever came while nobody looked", async () => {
      const pod = await held("pod");
      guard.signal("SIGSTOP");
      const child = pod.child("unseen").child("deeper");
      guard.signal("SIGTERM");
      guard.signal("SIGCONT");
      expect(await guard.exited()).toBe(0);
      expect([isHeld(pod), isHeld(child)]).toEqual([false, false]);
    });
  });

  describe("tasks at the limit", () => {
    const POD = "kubepods/pod11111111-2222-3333-4444-555555555555";
    const id = (digit: string) => digit.repeat(64);

    test("of a pod are relieved by the guard: the container at fault dies, its neighbour lives", async () => {
      const pod = await held(POD);
      const [small, large] = ["a", "b"].map((digit) => pod.child(id(digit)));
      const calm = await leakInto(small!, { megabytes: 20, hold: true });
      const leak = await leakInto(large!, { huge: true, threads: 8 });
      expect(await leak.exited).toBe(137);
      expect(small!.oomKills + large!.oomKills + pod.oomKills).toBe(0);
      expect(alive(calm.pid)).toBe(true);
      await calm.kill();
    });

    test("die where the guard would wait for the kernel to reclaim what it does not get", async () => {
      // As if any page that is cached at the moment could be had; and somebody reads all the time.
      await reload(`cache_floor = "4K"\n${HOLD}[reclaim]\nmode = "never"\n`);
      const file = `${guard.stateDir}/cache`;
      writeFileSync(file, Buffer.alloc(60 * MIB, 1));
      Bun.spawnSync(["sync", file]);
      writeFileSync("/proc/sys/vm/drop_caches", "1");
      const cgroup = await held("cache");
      const read = `echo $$ >${cgroup.procsFile}; exec cat ${Array(2000).fill(file).join(" ")}`;
      const reader = Bun.spawn(["sh", "-c", read], { stdio: ["ignore", "ignore", "ignore"] });
      await until("it reads", () => cgroup.fileCacheBytes > 40 * MIB);
      const leak = await leakInto(cgroup);
      expect(await leak.exited).toBe(137);
      expect(await reader.exited).toBe(137);
      expect(cgroup.oomKills).toBe(0);
    });

    test("are the kernel's where nobody may be killed, and the guard's again later", async () => {
      await reload(`${HOLD}[[rule]]\ncgroup = "**/${id("c")}"\npolicy = "noop"\n`);
      const pod = await held(POD);
      const exempt = pod.child(id("c"));
      expect(await (await leakInto(exempt, { rateMbPerS: 400 })).exited).toBe(137);
      expect(exempt.oomKills).toBe(1);
      expect(guard.logged("holds no process the guard may kill")).toHaveLength(1);
      await becomesHeld(pod);
    });

    test("are the kernel's when the guard's victim does not die", async () => {
      const cgroup = await held("stuck");
      const leak = await leakInto(cgroup, { megabytes: 97, hold: true });
      await until("it is filled", () => cgroup.usageBytes >= 97 * MIB);
      const freezer = new Freezer(leak.pid);
      const waiter = await leakInto(cgroup, { megabytes: 20, hold: true });
      await becomesFree(cgroup);
      expect(guard.incidents(cgroup.path).map(({ kind }) => kind)).toContain("stuck");
      expect(isUnderOom(cgroup)).toBe(false);
      freezer.thaw();
      await Promise.all([leak.exited, waiter.kill()]);
      await freezer.remove();
    });
  });
});
