import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";

setDefaultTimeout(patient(60_000));

let top: TestCgroup;
let guard: TestGuard;

beforeEach(async () => {
  top = TestCgroup.top();
  guard = await TestGuard.start({ roots: [top.path], args: ["--policy", "noop"] });
});

afterEach(async () => {
  await guard.stop();
  await top.remove();
});

const kernelKills = (cgroup: TestCgroup) =>
  guard.incidents(cgroup.path).filter(({ kind }) => kind === "kernel-oom");

test("a cgroup that the kernel takes whole (memory.oom.group) is one incident, however many died", async () => {
  const cgroup = await top.armedChild("whole", 100 * MIB);
  cgroup.write("memory.oom.group", "1");
  const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, forks: 4 });
  expect(await leak.exited).toBe(137);
  await guard.incident(cgroup.path, "kernel-oom");
  await pause(150);
  expect(cgroup.oomKills).toBeGreaterThan(1);
  expect(kernelKills(cgroup)).toHaveLength(1);
});

test("one process that the kernel kills in a cgroup of several is one incident", async () => {
  const cgroup = await top.armedChild("single", 100 * MIB);
  const neighbour = await startLeak({ procsFile: cgroup.procsFile, megabytes: 5, hold: true });
  const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 100 });
  expect(await leak.exited).toBe(137);
  await guard.incident(cgroup.path, "kernel-oom");
  await pause(150);
  expect(kernelKills(cgroup)).toHaveLength(cgroup.oomKills);
  await neighbour.kill();
});
