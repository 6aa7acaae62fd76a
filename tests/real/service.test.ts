import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { type GuardOptions, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { argvOf, childrenOf, sentinelThread, signal } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { TestServiceManager } from "../support/service-manager.ts";
import { until } from "../support/until.ts";
import { wedge } from "../support/wedge.ts";

setDefaultTimeout(60_000);

const WATCHDOG_MS = 1500;
// So many that the kernel takes its time to register their thresholds.
const MANY = 150;
// Two thresholds, pressure, reclaim, out of memory.
const NOTIFICATIONS_PER_CGROUP = 5;
// Rules by name let the start wait for a runtime to tell the names: two seconds, where there is none.
const BY_NAME = '[[rule]]\nnamespace = "kube-system"\npolicy = "noop"\n';

describe.skipIf(missingLeak() !== null)("under a service manager", () => {
  let top: TestCgroup;
  let manager: TestServiceManager;
  let guard: TestGuard;

  beforeEach(() => {
    top = TestCgroup.top();
    manager = new TestServiceManager();
  });

  afterEach(async () => {
    await guard.stop();
    manager.close();
    await top.remove();
  });

  const start = async (options: Partial<GuardOptions> & { watchdogMs?: number } = {}) => {
    const { watchdogMs, env, ...more } = options;
    const roots = more.args === undefined ? [top.path] : [];
    const environment = { ...manager.environment(watchdogMs), ...env };
    guard = await TestGuard.start({ roots, ...more, env: environment, dontWait: true });
  };

  const wedgeSentinel = async () => {
    // In the middle of a rehearsal it may hold what main waits for.
    await until("it is warm", () => guard.logged("the sentinel is warm").length === 1);
    return wedge(sentinelThread(guard.pid));
  };

  test("READY comes when everything that was there is guarded, with the number of it", async () => {
    const cgroups = Array.from({ length: MANY }, (_, i) => top.child(`before-${i}`, 100 * MIB));
    const leaks = await Promise.all(
      cgroups.slice(-2).map(({ procsFile }) => startLeak({ procsFile, megabytes: 300, wait: true })),
    );
    // Both at full speed, which leaves no time to arm them after READY; and a margin that is not lost by a cold sentinel.
    await start({ config: "margin_ratio = 0.2\n" });
    const ready = await manager.hears("READY=1");
    expect(guard.notificationCount).toBeGreaterThanOrEqual(MANY * NOTIFICATIONS_PER_CGROUP);
    for (const leak of leaks) leak.go();
    expect(ready).toBe(
      `READY=1\nSTATUS=guarding ${MANY} cgroups; 0 killed, 0 would have been, 0 by the kernel since start`,
    );
    expect(await Promise.all(leaks.map(({ exited }) => exited))).toEqual([137, 137]);
    expect(cgroups.map(({ oomKills }) => oomKills)).toEqual(Array(MANY).fill(0));
    await manager.hears(`STATUS=guarding ${MANY} cgroups; 2 killed`);
    expect(manager.phases[0]).toBe(ready);
  });

  test("no watchdog, no beats; and nothing is said while nothing changes", async () => {
    await start();
    await manager.hears("READY=1");
    await Bun.sleep(2500);
    expect(manager.messages).toHaveLength(1);
  });

  test("beats come while the sentinel thread answers; when it hangs they end, with a word why", async () => {
    await start({ watchdogMs: WATCHDOG_MS });
    await until("there are beats", () => manager.beats >= 3);
    const release = await wedgeSentinel();
    // The answer to the last question may be on its way.
    await Bun.sleep(WATCHDOG_MS / 3);
    manager.clear();
    await until("it is said", () => guard.logged("systemd will restart oom-guard").length > 0);
    guard.signal("SIGHUP");
    await manager.hears("RELOADING=1");
    await Bun.sleep(WATCHDOG_MS);
    expect(manager.messages).toHaveLength(1);
    expect(guard.logged("systemd will restart oom-guard")).toMatchObject([{ level: "error" }]);
    await release();
    await until("there are beats again", () => manager.beats >= 3);
    await manager.hears("READY=1");
    expect(guard.logged("the sentinel thread answers again")).toHaveLength(1);
  });

  test("a process that stands still sends no beats, and goes on with them", async () => {
    await start({ watchdogMs: WATCHDOG_MS });
    await until("there are beats", () => manager.beats >= 2);
    signal(guard.pid, "SIGSTOP");
    await Bun.sleep(100);
    manager.clear();
    await Bun.sleep(WATCHDOG_MS);
    expect(manager.messages).toEqual([]);
    signal(guard.pid, "SIGCONT");
    await until("there are beats again", () => manager.beats >= 2);
    expect(guard.logged("does not answer")).toEqual([]);
  });

  test("a watchdog that is another process's gets no beats", async () => {
    await start({ watchdogMs: 300, env: { WATCHDOG_PID: "1" } });
    await manager.hears("READY=1");
    await Bun.sleep(500);
    expect(manager.beats).toBe(0);
  });

  test("SIGABRT, the watchdog's, ends it at once though the sentinel hangs, and leaves no core file", async () => {
    const directory = mkdtempSync(`${tmpdir()}/oom-guard-core-`);
    await start({ config: '[kubernetes]\nkubeconfig = "/nonexistent"\n' });
    await manager.hears("READY=1");
    await guard.crash();
    manager.clear();
    await guard.restart(undefined, directory);
    await manager.hears("READY=1");
    Bun.spawnSync(["prlimit", "--core=unlimited", "--pid", String(guard.pid)]);
    const release = await wedgeSentinel();
    guard.signal("SIGABRT");
    expect(await guard.exited()).toBe(134);
    await release();
    expect(readdirSync(directory)).toEqual([]);
    rmSync(directory, { recursive: true });
  });

  test("SIGHUP: RELOADING with its time, then READY; a bad file is in the status until a good one is read", async () => {
    top.child("one", 100 * MIB);
    await start();
    await manager.hears("READY=1\nSTATUS=guarding 1 cgroup;");
    const reload = async (config: string) => {
      guard.configure(config);
      manager.clear();
      guard.signal("SIGHUP");
      const ready = await manager.hears("READY=1");
      expect(manager.phases).toHaveLength(2);
      expect(manager.phases[0]).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=/);
      return ready;
    };
    const bad = await reload("margin_ratio = 2\n");
    expect(bad).toContain("guarding 1 cgroup; ");
    expect(bad).toContain("the running configuration stays: ");
    expect(bad).toContain("margin_ratio = 2");
    manager.clear();
    top.child("two", 100 * MIB);
    expect(await manager.hears("guarding 2 cgroups")).toContain("the running configuration stays");
    expect(await reload("margin_ratio = 0.1\n")).not.toContain("stays");
  });

  test("a reload is over when what it brings is guarded", async () => {
    for (let i = 0; i < MANY; i++) top.child(`later-${i}`, 100 * MIB);
    await start({ config: 'cgroup_roots = ["/nonexistent"]\n', args: [] });
    await manager.hears("READY=1\nSTATUS=guarding 0 cgroups;");
    guard.configure(`cgroup_roots = ["${top.path}"]\n`);
    guard.signal("SIGHUP");
    await manager.hears(`READY=1\nSTATUS=guarding ${MANY} cgroups;`);
    expect(guard.notificationCount).toBeGreaterThanOrEqual(MANY * NOTIFICATIONS_PER_CGROUP);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s: STOPPING, then exit code 0", async (name) => {
    await start({ watchdogMs: WATCHDOG_MS });
    await manager.hears("READY=1");
    guard.signal(name);
    expect(await guard.exited()).toBe(0);
    expect(manager.phases.slice(1)).toEqual([`STOPPING=1\nSTATUS=stopping on ${name}`]);
  });

  test("SIGTERM ends it though the sentinel thread hangs, with a word that it does", async () => {
    await start();
    await manager.hears("READY=1");
    const release = await wedgeSentinel();
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    await release();
    await until("it is said", () => guard.logged("did not confirm its end").length === 1);
  });

  test("SIGHUP while it stops is too late, and does no harm", async () => {
    await start();
    await manager.hears("READY=1");
    const release = await wedgeSentinel();
    guard.signal("SIGTERM");
    await manager.hears("STOPPING=1");
    guard.signal("SIGHUP");
    expect(await guard.exited()).toBe(0);
    await release();
    await until("it has ended", () => guard.logged("did not confirm its end").length === 1);
    expect(guard.logged("configuration read again")).toEqual([]);
  });

  test("SIGTERM while it starts: STOPPING, never READY, and exit code 0", async () => {
    await start({ watchdogMs: WATCHDOG_MS, config: BY_NAME });
    await until("it has begun", () => guard.logged("no container names").length > 0);
    guard.signal("SIGTERM");
    expect(await guard.exited()).toBe(0);
    expect(manager.messages).toEqual(["STOPPING=1\nSTATUS=stopping on SIGTERM"]);
    expect(guard.logged(" guards ")).toEqual([]);
  });

  test("SIGHUP while it starts counts when it has started", async () => {
    await start({ config: BY_NAME });
    await until("it has begun", () => guard.logged("no container names").length > 0);
    guard.configure("margin_ratio = 2\n");
    guard.signal("SIGHUP");
    await manager.hears("RELOADING=1");
    await manager.hears("margin_ratio");
    expect(manager.phases[0]).toStartWith("READY=1");
  });

  test("a sentinel thread that ends ends the guard: STOPPING with the reason, and exit code 1", async () => {
    const when = `${top.directory}/ended`;
    await start({ watchdogMs: WATCHDOG_MS, env: { ...oldKernel("epoll"), FAULT_WHEN: when } });
    await manager.hears("READY=1");
    // Any change wakes the thread.
    mkdirSync(when);
    expect(await guard.exited()).toBe(1);
    expect(await manager.hears("STOPPING=1")).toMatch(
      /^STOPPING=1\nSTATUS=the sentinel thread ended: SysError: epoll_wait: EBADF$/,
    );
    await until("it is said", () => guard.logged("nobody guards any more").length === 1);
    expect(guard.log.at(-1)?.msg).toContain("nobody guards any more");
  });

  test("one that cannot start: exit code 1, with the reason in one line and as a status", async () => {
    await start({ env: { ...oldKernel("epoll"), FAULT_WHEN: top.directory } });
    expect(await guard.exited()).toBe(1);
    const reason = "the sentinel thread did not start: SysError: epoll_wait: EBADF";
    expect(manager.messages).toEqual([`STATUS=${reason}`]);
    await until("it is said", () => guard.text.includes(reason));
    expect(guard.text.split("\n").filter((line) => line.includes("sentinel"))).toHaveLength(1);
  });

  test("one that ends while the guard starts: never ready, and exit code 1", async () => {
    const when = `${top.directory}/ended`;
    await start({
      watchdogMs: WATCHDOG_MS,
      config: BY_NAME,
      env: { ...oldKernel("epoll"), FAULT_WHEN: when },
    });
    await until("it has begun", () => guard.logged("no container names").length > 0);
    mkdirSync(when);
    expect(await guard.exited()).toBe(1);
    await manager.hears("STOPPING=1");
    expect(manager.messages.join("\n")).not.toContain("READY");
  });

  test.each<[string, string, number, (first: TestGuard) => Partial<GuardOptions>]>([
    ["a bad configuration", "margin_ratio = 2", 2, () => ({ config: "margin_ratio = 2\n" })],
    ["a state directory that is taken", "another oom-guard", 1, ({ stateDir }) => ({ stateDir })],
  ])(
    "a start that fails on %s has its reason as a status, and is never ready",
    async (_, reason, code, options) => {
      await start();
      await manager.hears("READY=1");
      manager.clear();
      const env = manager.environment(WATCHDOG_MS);
      const second = await TestGuard.start({ roots: [top.path], env, dontWait: true, ...options(guard) });
      expect(await second.exited()).toBe(code);
      expect(manager.messages).toHaveLength(1);
      expect(manager.messages[0]).toStartWith("STATUS=");
      expect(manager.messages[0]).toContain(reason);
      await second.stop();
    },
  );

  test("its children know nothing of the service manager", async () => {
    await start({ watchdogMs: WATCHDOG_MS });
    await manager.hears("READY=1");
    const cgroup = top.child("cache", 200 * MIB);
    const file = `${guard.stateDir}/cache`;
    // Read all the time, it can never be emptied, so that the child is there for a while.
    const read = `echo $$ >${cgroup.procsFile}; dd if=/dev/zero of=${file} bs=1M count=150 2>/dev/null; while :; do cat ${file} >/dev/null; done`;
    const reader = Bun.spawn(["sh", "-c", read], { stdio: ["ignore", "ignore", "ignore"] });
    let environments: string[] = [];
    cgroup.limit(140 * MIB);
    await until("it reclaims", () => {
      const children = childrenOf(guard.pid).filter((pid) => argvOf(pid)[0] === "/bin/sh");
      environments = children.flatMap(environmentOf);
      return environments.length > 0;
    });
    reader.kill("SIGKILL");
    await reader.exited;
    expect(environments.join("\0")).not.toMatch(/NOTIFY_SOCKET|WATCHDOG/);
  });
});

function environmentOf(pid: number): string[] {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    // Before and after, its memory is its parent's, or nobody's.
    return argvOf(pid)[0] === "/bin/sh" ? [environment] : [];
  } catch {
    return [];
  }
}
