import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { patient } from "../support/patience.ts";

setDefaultTimeout(patient(120_000));

const LIMIT = 100 * MIB;
const PAIRS = 3;

let folder: string;
let top: TestCgroup;

beforeAll(() => {
  top = TestCgroup.top();
  // Not on tmpfs, whose pages nobody can drop.
  folder = mkdtempSync("/var/tmp/oom-guard-cache-");
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await top.remove();
});

interface Cost {
  readonly seconds: number;
  /** In which it waited for memory (memory.pressure). */
  readonly stalledSeconds: number;
}

/** What reading a file five times the limit twice costs in a cgroup. */
async function readThrough(cgroup: TestCgroup): Promise<Cost> {
  // One of its own: what is cached already is charged to whoever read it first. A hole, so no disk is in the way.
  const file = join(folder, basename(cgroup.path));
  writeFileSync(file, "");
  truncateSync(file, 5 * LIMIT);
  const read = `echo $$ >${cgroup.procsFile}; for i in 1 2; do cat ${file} >/dev/null; done`;
  const started = performance.now();
  expect(await Bun.spawn(["sh", "-c", read]).exited).toBe(0);
  const seconds = (performance.now() - started) / 1000;
  rmSync(file);
  const total = /^some .* total=(\d+)$/m.exec(cgroup.read("memory.pressure"))?.[1];
  return { seconds, stalledSeconds: Number(total) / 1e6 };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** One reading, with a guard or without. */
async function measure(how: "with" | "without", i: number): Promise<Cost> {
  const guard = how === "with" ? await TestGuard.start({ roots: [top.path] }) : null;
  const cgroup = await top.armedChild(`${how}-${i}`, LIMIT);
  const cost = await readThrough(cgroup);
  // Or it would prove nothing: the file went through a full cgroup, which was held at the threshold, or was not.
  expect(cgroup.read("memory.events")).toMatch(how === "with" ? /^high [1-9]/m : /^max [1-9]/m);
  expect(cgroup.oomKills).toBe(0);
  // No CPU is taken away from it either.
  expect(cgroup.read("cpu.stat")).not.toMatch(/^throttled_usec [1-9]/m);
  expect(guard?.incidents(cgroup.path) ?? []).toEqual([]);
  await guard?.stop();
  await cgroup.remove();
  return cost;
}

test("a container that only uses page cache is not slowed down by what holds leaks back", async () => {
  const costs: Record<"with" | "without", Cost[]> = { with: [], without: [] };
  for (let i = 0; i < PAIRS; i++) {
    for (const how of ["without", "with"] as const) costs[how].push(await measure(how, i));
  }
  console.log(costs);
  // How long it took says more about what else the machine was doing; held back by the kernel it would wait all the time.
  const stalledShare = (all: readonly Cost[]) =>
    median(all.map((cost) => cost.stalledSeconds / cost.seconds));
  expect(stalledShare(costs.with)).toBeLessThan(stalledShare(costs.without) + 0.1);
});
