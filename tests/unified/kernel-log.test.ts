import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { followLog } from "../support/followed-log.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

let top: TestCgroup;
beforeAll(() => {
  top = TestCgroup.top();
});
afterAll(async () => top.remove());

// memory.oom.group exists in the unified hierarchy only.
test("the kernel's log tells of each process that dies with its cgroup, once", async () => {
  const pod = top.child("pod", 40 * MIB);
  const container = pod.child("container");
  container.write("memory.oom.group", "1");
  const log = await followLog();
  const { procsFile } = container;
  const still = [
    await startLeak({ procsFile, megabytes: 1, hold: true }),
    await startLeak({ procsFile, megabytes: 1, hold: true }),
  ];
  const leak = await startLeak({ procsFile, megabytes: 60 });
  const pids = [leak, ...still].map(({ pid }) => pid);
  for (const { exited } of [leak, ...still]) expect(await exited).toBe(137);

  const told = () => log.kills.filter(({ victim }) => pids.includes(victim.pid));
  await until("all are told", () => told().length >= pids.length);
  await pause(500);
  log.stop();
  expect(
    told()
      .map(({ victim }) => victim.pid)
      .toSorted(),
  ).toEqual(pids.toSorted());
  const [first, ...others] = told();
  const shared = {
    shortage: "cgroup",
    limitCgroup: pod.path,
    limitBytes: 40 * MIB,
    wholeCgroup: container.path,
  };
  expect(first).toMatchObject({ ...shared, victimCgroup: container.path, victim: { pid: leak.pid } });
  for (const kill of others) expect(kill).toMatchObject({ ...shared, victimCgroup: null });
});
