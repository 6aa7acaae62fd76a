import { expect, spyOn, test } from "bun:test";
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Reclaimer } from "../../../src/act/reclaimer.ts";
import type { Hierarchy, MemoryReader, ReclaimOutcome } from "../../../src/cgroup/hierarchy.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import { forceEmpty } from "../../../src/cgroup/v1/reclaim.ts";
import { scratch } from "../record/tiny-disk.ts";

const M = 2 ** 20;
const reader = {
  ...memoryReaderV1,
  usage: () => 100 * M,
  reading: () => ({
    usageBytes: 100 * M,
    slackBytes: 0,
    fileBytes: 50 * M,
    inactiveFileBytes: 0,
    swappableBytes: 0,
    anonBytes: 0,
    residentBytes: 0,
  }),
} satisfies MemoryReader;

function setUp(mount: string, reclaim: Hierarchy["reclaim"]) {
  for (const cgroup of ["/a", "/b", "/c"]) {
    mkdirSync(mount + cgroup);
    for (const file of ["memory.usage_in_bytes", "memory.stat"])
      writeFileSync(join(mount + cgroup, file), "");
  }
  const done: [string, ReclaimOutcome][] = [];
  const hierarchy = { mount, reclaim } as Hierarchy;
  const settings = { mode: "auto", cooldownMs: 10_000 } as const;
  const reclaimer = new Reclaimer(hierarchy, reader, settings, (cgroup, outcome) =>
    done.push([cgroup, outcome]),
  );
  return { reclaimer, done };
}

test("a reclaim that cannot even be started has failed, and the next cgroup gets its turn", async () => {
  using disk = scratch();
  let calls = 0;
  const { reclaimer, done } = setUp(disk.path, async () => {
    if (calls++ < 2) throw new Error("no /bin/sh here");
    return "done";
  });
  reclaimer.near("/a", M, 0);
  reclaimer.near("/b", M, 0);
  await Bun.sleep(1);
  reclaimer.near("/c", M, 0);
  await Bun.sleep(1);
  expect(done).toEqual([
    ["/a", "failed"],
    ["/b", "failed"],
    ["/c", "done"],
  ]);
});

test("no more than two at once, one per cgroup, and not again within the cooldown", async () => {
  using disk = scratch();
  const ends: (() => void)[] = [];
  const { reclaimer, done } = setUp(
    disk.path,
    () => new Promise((resolve) => ends.push(() => resolve("done"))),
  );
  reclaimer.near("/a", M, 0);
  reclaimer.near("/a", M, 0);
  reclaimer.near("/b", M, 0);
  reclaimer.near("/c", M, 0);
  expect(ends.length).toBe(2);
  for (const end of ends) end();
  await Bun.sleep(1);
  reclaimer.near("/a", M, 9_999);
  expect(ends.length).toBe(2);
  reclaimer.near("/a", M, 10_000);
  expect(ends.length).toBe(3);
  ends[2]!();
  await Bun.sleep(1);
  expect(done.map(([cgroup]) => cgroup)).toEqual(["/a", "/b", "/a"]);
});

test("a cgroup is not even read within its cooldown", async () => {
  using disk = scratch();
  const { reclaimer } = setUp(disk.path, async () => "done");
  const readings = spyOn(reader, "reading");
  reclaimer.near("/a", M, 0);
  await Bun.sleep(1);
  const whenDone = readings.mock.calls.length;
  reclaimer.near("/a", M, 9_999);
  expect(readings.mock.calls.length).toBe(whenDone);
  reclaimer.near("/a", M, 10_000);
  expect(readings.mock.calls.length).toBeGreaterThan(whenDone);
});

test("a kernel that refuses three times and never does it is not asked again", async () => {
  using disk = scratch();
  let calls = 0;
  const { reclaimer } = setUp(disk.path, async () => {
    calls++;
    return "refused";
  });
  for (let i = 0; i < 5; i++) {
    reclaimer.near("/a", M, i * 100_000);
    await Bun.sleep(1);
  }
  expect(calls).toBe(3);
  expect(reclaimer.kernelRefuses).toBe(true);
});

test("one that has done it before is asked on", async () => {
  using disk = scratch();
  let calls = 0;
  const { reclaimer } = setUp(disk.path, async () => (calls++ === 0 ? "done" : "refused"));
  for (let i = 0; i < 6; i++) {
    reclaimer.near("/a", M, i * 100_000);
    await Bun.sleep(1);
  }
  expect(calls).toBe(6);
});

test("what the kernel says no to is refused, what takes too long is cut off, what is gone has failed", async () => {
  using disk = scratch();
  symlinkSync("/dev/full", `${disk.path}/memory.force_empty`);
  expect(await forceEmpty(disk.path, 1000)).toBe("refused");
  unlinkSync(`${disk.path}/memory.force_empty`);
  expect(await forceEmpty(disk.path, 1000)).toBe("failed");
  // Opening a pipe nobody reads blocks, as the kernel's write does.
  Bun.spawnSync(["mkfifo", `${disk.path}/memory.force_empty`]);
  expect(await forceEmpty(disk.path, 50)).toBe("cut-off");
  unlinkSync(`${disk.path}/memory.force_empty`);
  writeFileSync(`${disk.path}/memory.force_empty`, "");
  expect(await forceEmpty(disk.path, 1000)).toBe("done");
});

test("a cgroup that is gone is left alone", () => {
  using disk = scratch();
  const { reclaimer } = setUp(disk.path, () => Promise.reject(new Error("not to be called")));
  expect(() => reclaimer.near("/gone", M, 0)).not.toThrow();
});

test("after reclaims that took long no cgroup is reclaimed for a while, whichever it is", async () => {
  using disk = scratch();
  let nowMs = 0;
  const clock = spyOn(performance, "now").mockImplementation(() => nowMs);
  const { reclaimer, done } = setUp(disk.path, async () => {
    nowMs += 2500;
    return "done";
  });
  const near = async (cgroup: string) => {
    reclaimer.near(cgroup, M, nowMs);
    await Bun.sleep(1);
  };
  try {
    await near("/a");
    await near("/b");
    expect(done).toEqual([["/a", "done"]]);
    nowMs += 60_000;
    await near("/b");
    expect(done).toHaveLength(2);
  } finally {
    clock.mockRestore();
  }
});
