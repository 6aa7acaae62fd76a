import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { patient } from "../support/patience.ts";

setDefaultTimeout(patient(120_000));

const LIMIT = 100 * MIB;
const PAIRS = 5;

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

/** What reading a file five times the limit three times over costs in a cgroup. */
async function readThrough(cgroup: TestCgroup): Promise<{ seconds: number; stalledSeconds: number }> {
  // One of its own: what is cached already is charged to whoever read it first. A hole, so no disk is in the way.
  const file = join(folder, basename(cgroup.path));
  writeFileSync(file, "");
  truncateSync(file, 5 * LIMIT);
  const read = `echo $$ >${cgroup.procsFile}; for i in 1 2 3; do cat ${file} >/dev/null; done`;
  const started = performance.now();
  expect(await Bun.spawn(["sh", "-c", read]).exited).toBe(0);
  const seconds = (performance.now() - started) / 1000;
  rmSync(file);
  const total = /^some .* total=(\d+)$/m.exec(cgroup.read("memory.pressure"))?.[1];
  return { seconds, stalledSeconds: Number(total) / 1e6 };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

test("a container that only uses page cache is not slowed down by what holds leaks back", async () => {
  const times: Record<"with" | "without", number[]> = { with: [], without: [] };
  const stalls: Record<"with" | "without", number[]> = { with: [], without: [] };
  for (let i = 0; i < PAIRS; i++) {
    for (const how of ["without", "with"] as const) {
      const guard = how === "with" ? await TestGuard.start({ roots: [top.path] }) : null;
      const cgroup = await top.armedChild(`${how}-${i}`, LIMIT);
      const { seconds, stalledSeconds } = await readThrough(cgroup);
      times[how].push(seconds);
      stalls[how].push(stalledSeconds);
      // Or it would prove nothing: the file went through a full cgroup, which was held at the threshold, or was not.
      const events = cgroup.read("memory.events");
      expect(cgroup.peakBytes).toBeGreaterThan(97 * MIB);
      expect(/^high [1-9]/m.test(events)).toBe(how === "with");
      // No CPU is taken away from it either.
      expect(readFileSync(`${cgroup.directory}/cpu.stat`, "utf8")).not.toMatch(/^throttled_usec [1-9]/m);
      expect(cgroup.oomKills).toBe(0);
      if (guard !== null) expect(guard.incidents(cgroup.path)).toEqual([]);
      await guard?.stop();
      await cgroup.remove();
    }
  }
  console.log({ times, stalls });
  // In an emulated machine the guard's own looks take ten times what they take elsewhere.
  expect(median(times.with)).toBeLessThan(1.3 * median(times.without));
});
