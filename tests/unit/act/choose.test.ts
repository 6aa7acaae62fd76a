import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { close, openDirectory } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { orderProcesses, orderUnits, type Surroundings } from "../../../src/act/choose.ts";
import { closeUnits, openUnits, type Unit } from "../../../src/act/units.ts";
import type { MemoryReader } from "../../../src/cgroup/hierarchy.ts";
import { current, GIB_PAGES } from "../decide/processes.ts";
import { statusText } from "../proc/status-text.ts";
import { scratch } from "../record/tiny-disk.ts";

const POD = "/kubepods/pod11111111-2222-3333-4444-555555555555";
const [A, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];

let folder: ReturnType<typeof scratch>;
let units: Unit[];
beforeEach(() => {
  folder = scratch();
  units = [];
});
afterEach(() => {
  closeUnits(units);
  folder[Symbol.dispose]();
});

interface Fake {
  readonly pid: number;
  readonly megabytes: number;
  readonly adj?: number;
  readonly comm?: string;
  readonly startTicks?: number;
}

/** A container of the pod: plain files in the place of the kernel's. */
function container(id: string, processes: readonly Fake[]): void {
  const directory = join(folder.path, "cgroup", id);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "cgroup.procs"), processes.map(({ pid }) => `${pid}\n`).join(""));
  writeFileSync(
    join(directory, "fixed"),
    String(processes.reduce((sum, { megabytes }) => sum + megabytes, 0)),
  );
  for (const { pid, megabytes, adj = 0, comm = "app", startTicks = pid } of processes) {
    const proc = join(folder.path, "proc", String(pid));
    mkdirSync(proc, { recursive: true });
    const VmRSS = `${megabytes * 1024} kB`;
    writeFileSync(join(proc, "status"), statusText({ Name: comm, VmRSS, VmPTE: "0 kB", VmSwap: "0 kB" }));
    writeFileSync(join(proc, "oom_score_adj"), `${adj}\n`);
    writeFileSync(join(proc, "stat"), `${pid} (${comm}) S ${"0 ".repeat(18)}${startTicks} 0\n`);
  }
}

/** Opens the units as the guard does for the pod. */
function open(): Unit[] {
  const fd = openDirectory(cString(join(folder.path, "cgroup")));
  units = openUnits(fd, POD, "pod", () => undefined);
  close(fd);
  return units;
}

function around(changes: Partial<Surroundings> = {}): Surroundings {
  const sizes = new Map(
    units.map(({ cgroup, directoryFd }) => [directoryFd, cgroup.split("/").at(-1)!] as const),
  );
  const reader = {
    fixedBytes: (fd: number) =>
      Number(readFileSync(join(folder.path, "cgroup", sizes.get(fd)!, "fixed"), "utf8")) * 2 ** 20,
  } as MemoryReader;
  return {
    procRoot: join(folder.path, "proc"),
    reader,
    kernel: current,
    watched: POD,
    isExempt: () => false,
    isStuck: () => false,
    ...changes,
  };
}

const order = (changes?: Partial<Surroundings>) =>
  orderUnits(open(), around(changes)).map(({ unit }) => unit.cgroup.split("/").at(-1)!);
const pids = (changes?: Partial<Surroundings>) =>
  orderProcesses(open(), GIB_PAGES, around(changes)).map(({ process }) => process.pid);

describe("of the containers of a pod, the one that should die first is", () => {
  test("the largest, and the sandbox never, though nobody knows its name", () => {
    container(A, [{ pid: 10, megabytes: 1, comm: "pause" }]);
    container(B, [{ pid: 20, megabytes: 100 }]);
    container(C, [{ pid: 30, megabytes: 300 }]);
    expect(order()).toEqual([C, B]);
  });

  test("a large process named pause like any other", () => {
    container(A, [{ pid: 10, megabytes: 500, comm: "pause" }]);
    container(B, [{ pid: 20, megabytes: 100 }]);
    expect(order()).toEqual([A, B]);
  });

  test("none that is exempt, empty, or at -1000 throughout", () => {
    container(A, [{ pid: 10, megabytes: 500 }]);
    container(B, [{ pid: 20, megabytes: 400, adj: -1000 }]);
    container(C, []);
    expect(order({ isExempt: (cgroup) => cgroup.endsWith(A) })).toEqual([]);
  });
});

describe("of the processes, the one that should die first is", () => {
  test("the one of the most points, in whatever container", () => {
    container(A, [
      { pid: 11, megabytes: 50 },
      { pid: 12, megabytes: 60 },
    ]);
    container(B, [{ pid: 20, megabytes: 10, adj: 500 }]);
    expect(pids()).toEqual([20, 12, 11]);
  });

  test("the younger one of equals, whatever its pid", () => {
    container(A, [
      { pid: 11, megabytes: 50, startTicks: 900 },
      { pid: 12, megabytes: 50, startTicks: 100 },
    ]);
    container(B, [{ pid: 20, megabytes: 50, startTicks: 500 }]);
    expect(pids()).toEqual([11, 20, 12]);
  });

  test("the higher pid of those that started in the same tick", () => {
    container(A, [
      { pid: 11, megabytes: 50, startTicks: 7 },
      { pid: 12, megabytes: 50, startTicks: 7 },
    ]);
    expect(pids()).toEqual([12, 11]);
  });

  test("none that would not die before, nor the sandbox's, nor one at -1000, nor one that is gone", () => {
    container(A, [{ pid: 10, megabytes: 1, comm: "pause" }]);
    container(B, [
      { pid: 20, megabytes: 400 },
      { pid: 21, megabytes: 300, adj: -1000 },
      { pid: 22, megabytes: 200 },
    ]);
    container(C, [{ pid: 30, megabytes: 100 }]);
    rmSync(join(folder.path, "proc/30"), { recursive: true });
    expect(pids({ isStuck: (pid) => pid === 20 })).toEqual([22]);
  });
});
