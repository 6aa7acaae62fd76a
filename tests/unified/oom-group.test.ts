import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExplainReport } from "../../src/report/explain-report.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY } from "../support/guard.ts";
import { killedFirst } from "../support/kernel-log.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const LIMIT_MB = 100;
const LARGE_MB = 50;
const SMALL_MB = 4;
/** Less than any victim gives back. */
const BEYOND_MB = 1;

const folder = mkdtempSync(join(tmpdir(), "oom-guard-oom-group-"));
afterAll(() => rmSync(folder, { recursive: true }));
const config = join(folder, "config.toml");
writeFileSync(config, '[runtime]\nsockets = []\n[kubernetes]\nkubeconfig = "off"\n');

let top: TestCgroup;
const leaks: Leak[] = [];
afterEach(async () => {
  for (const leak of leaks.splice(0)) await leak.kill();
  await top.remove();
});

/**
 * A pod with a limit, and with two containers. In the first one the largest process and a small one share a cgroup, a
 * third is beside them; in the second one there is a small one that never dies by the kernel's hand and one that may.
 */
async function podWith(...groups: string[]) {
  top = TestCgroup.top();
  const above = top.child("above");
  const pod = above.child("pod");
  const [one, two] = [pod.child("one"), pod.child("two")];
  const [inner, beside] = [one.child("inner"), one.child("beside")];
  const named = { above, pod, one, two, inner, beside };
  pod.limit(LIMIT_MB * MIB);
  for (const name of groups) named[name as keyof typeof named].write("memory.oom.group", "1");
  const put = async (cgroup: TestCgroup, megabytes: number, adj = 0) => {
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, adj, hold: true });
    leaks.push(leak);
    return leak.pid;
  };
  const pids = {
    largest: await put(inner, LARGE_MB),
    companion: await put(inner, SMALL_MB),
    spared: await put(inner, SMALL_MB, -1000),
    beside: await put(beside, SMALL_MB),
    other: await put(two, SMALL_MB),
    otherSpared: await put(two, SMALL_MB, -1000),
  };
  const filledBytes = (LARGE_MB + 5 * SMALL_MB) * MIB;
  await until("everything is filled", () => pod.usageBytes >= filledBytes, 30_000);
  return { ...named, pids };
}

function explain(cgroup: string): ExplainReport {
  const { stdout, stderr } = Bun.spawnSync([BINARY, "explain", cgroup, "--json", "--config", config]);
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString());
}

/** Uses up the limit from within a cgroup, with memory that belongs to no process: files on a tmpfs. */
async function pushOver(limited: TestCgroup, from: TestCgroup): Promise<void> {
  const file = `/dev/shm/oom-guard-oom-group-${process.pid}`;
  const megabytes = LIMIT_MB - Math.floor(limited.usageBytes / MIB) + BEYOND_MB;
  const script = `echo $$ >"$1" && exec dd if=/dev/zero of="$2" bs=64k count=${megabytes * 16} 2>/dev/null`;
  const child = Bun.spawn(["/bin/sh", "-c", script, "sh", from.procsFile, file], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    await until("the kernel kills", () => killsBelow(limited) > 0, 30_000);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    await Bun.file(file).delete();
  }
}

/** memory.events counts what happened in the cgroup and below it. */
const killsBelow = (cgroup: TestCgroup) =>
  Number(/^oom_kill (\d+)$/m.exec(cgroup.read("memory.events"))?.[1]);

test.each([
  [[], null, ["largest"]],
  [["inner"], "inner", ["largest", "companion"]],
  [["inner", "beside"], "inner", ["largest", "companion"]],
  [["one"], "one", ["largest", "companion", "beside"]],
  [["inner", "one", "two"], "one", ["largest", "companion", "beside"]],
  [["pod"], "pod", ["largest", "companion", "beside", "other"]],
  [["above", "two"], null, ["largest"]],
] as const)(
  "memory.oom.group of %j: explain says who dies, and the kernel kills just them",
  async (groups, whole, dying) => {
    const { pids, ...cgroups } = await podWith(...groups);
    const report = explain(cgroups.pod.path);
    expect(report.kernelVictim?.pid).toBe(pids.largest);
    expect(report.kernelKillsCgroup).toBe(whole === null ? null : cgroups[whole].path);

    await pushOver(cgroups.pod, cgroups.two);
    await until("they are dead", () => dying.every((name) => !alive(pids[name])), 30_000);
    const killed = killedFirst(Object.values(pids));
    const names = Object.entries(pids).flatMap(([name, pid]) => (killed.includes(pid) ? [name] : []));
    expect(names).toEqual([...dying]);
  },
);
