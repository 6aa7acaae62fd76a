import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { compileLeak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

const LIMIT = 100 * MIB;

let top: TestCgroup;
let guard: TestGuard;

beforeEach(() => {
  compileLeak();
  top = TestCgroup.top();
});

afterEach(async () => {
  await guard.stop();
  await top.remove();
});

/** A container that divides its own cgroup, as a systemd or a Docker in it does. */
async function divided(): Promise<{ outer: TestCgroup; init: TestCgroup; inner: TestCgroup }> {
  const outer = await top.armedChild("container", LIMIT);
  return {
    outer,
    init: outer.child("init.scope"),
    inner: outer.child("system.slice").child("leaky.service"),
  };
}

describe("cgroups inside of a container", () => {
  test("policy container: a leak in one of them takes the whole container", async () => {
    guard = await TestGuard.start({ roots: [top.path] });
    const { outer, init, inner } = await divided();
    const first = await startLeak({ procsFile: init.procsFile, megabytes: 5, hold: true });
    const leak = await startLeak({ procsFile: inner.procsFile, megabytes: 300 });
    expect([await leak.exited, await first.exited]).toEqual([137, 137]);
    const kill = await guard.incident(outer.path, "kill");
    expect(kill).toMatchObject({ cgroup: outer.path, victimCount: 2 });
    expect(outer.oomKills + inner.oomKills).toBe(0);
  });

  test("policy process: a leak in one of them takes itself", async () => {
    guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "process"] });
    const { outer, init, inner } = await divided();
    const first = await startLeak({ procsFile: init.procsFile, megabytes: 5, hold: true });
    const leak = await startLeak({ procsFile: inner.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    expect((await guard.incident(outer.path, "kill")).victims.map(({ pid }) => pid)).toEqual([leak.pid]);
    expect(alive(first.pid)).toBe(true);
    expect(outer.oomKills + inner.oomKills).toBe(0);
    await first.kill();
  });

  test("one with a limit of its own is guarded at that", async () => {
    guard = await TestGuard.start({ roots: [top.path] });
    const { outer, init, inner } = await divided();
    inner.limit(40 * MIB);
    await until("it is armed", () => inner.read("memory.high") === `${39 * MIB}\n`);
    const first = await startLeak({ procsFile: init.procsFile, megabytes: 5, hold: true });
    const leak = await startLeak({ procsFile: inner.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    expect(await guard.incident(inner.path, "kill")).toMatchObject({ limitBytes: 40 * MIB });
    expect(alive(first.pid)).toBe(true);
    expect(outer.oomKills + inner.oomKills).toBe(0);
    await first.kill();
  });

  test("in a cgroup namespace of its own, delegated (nsdelegate): its processes are found and killed", async () => {
    guard = await TestGuard.start({ roots: [top.path] });
    const container = await top.armedChild("private", LIMIT);
    // In its cgroup before the namespace is made: that is the namespace's root then.
    const folder = mkdtempSync(join(tmpdir(), "oom-guard-cgroup2-"));
    const inNamespace = `mount -t cgroup2 none ${folder} && mkdir ${folder}/own && exec ${compileLeak()} ${folder}/own/cgroup.procs 300`;
    const script = `echo $$ >${container.procsFile} && exec unshare --cgroup --mount sh -c '${inNamespace}'`;
    const inside = Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "ignore", "inherit"] });
    expect(await inside.exited).toBe(137);
    // The mount went with its namespace.
    rmdirSync(folder);
    await guard.incident(container.path, "kill");
    expect(container.oomKills + container.child("own").oomKills).toBe(0);
  });
});
