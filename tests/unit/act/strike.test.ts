import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, openDirectory } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import type { Surroundings } from "../../../src/act/choose.ts";
import { killNewcomers, rehearse, type StrikeOrder, strike } from "../../../src/act/strike.ts";
import { memoryReaderV2 } from "../../../src/cgroup/v2/read.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";

// Plain files stand for cgroup and /proc, and pids for processes that cannot exist: what is signalled, and in what order, is
// what this is about.
const CGROUP = "/container";
const FIRST = 5_000_000;

let root: string;
let directoryFd: number;
let done: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "oom-guard-strike-"));
  mkdirSync(root + CGROUP);
  done = [];
  directoryFd = openDirectory(cString(root + CGROUP));
});

afterEach(() => {
  close(directoryFd);
  rmSync(root, { recursive: true });
});

/** A process joins the container. */
function enter(pid: number, adj = 0): void {
  appendFileSync(`${root}${CGROUP}/cgroup.procs`, `${pid}\n`);
  mkdirSync(`${root}/proc/${pid}`, { recursive: true });
  writeFileSync(`${root}/proc/${pid}/cgroup`, `0::${CGROUP}\n`);
  writeFileSync(`${root}/proc/${pid}/oom_score_adj`, `${adj}\n`);
}

const units = () => [{ cgroup: CGROUP, directoryFd }];

/** @param onSignal what happens when a process is signalled */
function orderOf(onSignal: (pid: number) => number): StrikeOrder {
  const reader = {
    ...memoryReaderV2,
    killAll: () => {
      done.push("all");
      return 0;
    },
  };
  const around: Surroundings = {
    procRoot: `${root}/proc`,
    reader,
    kernel: kernelGeneration("6.1"),
    watched: CGROUP,
    isExempt: () => false,
    isStuck: () => false,
  };
  return {
    policy: "container",
    totalPages: () => 1000,
    hierarchy: 2,
    around,
    signal: (_, pid) => {
      done.push(String(pid - FIRST));
      return onSignal(pid);
    },
    snapshot: [],
    onIntent: () => undefined,
    onRefused: () => undefined,
  };
}

const strikeIt = (onSignal: (pid: number) => number) => strike(units(), orderOf(onSignal));

test("everybody is signalled, and nothing waits for the kernel's cgroup lock", () => {
  for (const pid of [FIRST, FIRST + 1]) enter(pid);
  expect(strikeIt(() => 0)?.pids.size).toBe(2);
  expect(done).toEqual(["0", "1"]);
});

test("whoever forks meanwhile is signalled, and then all are killed at one stroke", () => {
  enter(FIRST);
  strikeIt((pid) => {
    if (pid === FIRST) enter(FIRST + 1);
    return 0;
  });
  expect(done).toEqual(["0", "1", "all"]);
});

test("also where one of them was dead before its signal", () => {
  for (const pid of [FIRST, FIRST + 1]) enter(pid);
  rmSync(`${root}/proc/${FIRST + 1}`, { recursive: true });
  strikeIt((pid) => {
    if (pid === FIRST) enter(FIRST + 2);
    return 0;
  });
  expect(done).toEqual(["0", "2", "all"]);
});

test("not where somebody in it must not be killed (oom_score_adj -1000)", () => {
  enter(FIRST);
  enter(FIRST + 1, -1000);
  strikeIt((pid) => {
    if (pid === FIRST) enter(FIRST + 2);
    return 0;
  });
  expect(done).toEqual(["0", "2"]);
});

test("what joins it while it dies is signalled, and so is what that forks, until nobody is new", () => {
  enter(FIRST);
  const order = orderOf((pid) => {
    if (pid > FIRST && pid < FIRST + 3) enter(pid + 1);
    return 0;
  });
  const { unit, roll } = strike(units(), order)!;
  enter(FIRST + 1);
  expect(killNewcomers(unit, roll!, order)).not.toBeNull();
  expect(done).toEqual(["0", "1", "all", "2", "all", "3", "all"]);
  expect(roll!.killed.size).toBe(4);
  expect(killNewcomers(unit, roll!, order)).toBeNull();
});

test("a pid that was gone at the strike is signalled when a process has it at the next look", () => {
  for (const pid of [FIRST, FIRST + 1]) enter(pid);
  const proc = `${root}/proc/${FIRST + 1}`;
  rmSync(proc, { recursive: true });
  const order = orderOf(() => 0);
  const { unit, roll } = strike(units(), order)!;
  expect(done).toEqual(["0"]);
  enter(FIRST + 1);
  killNewcomers(unit, roll!, order);
  expect(done.slice(0, 2)).toEqual(["0", "1"]);
});

test("a rehearsal tells whom it would be about, and hits nobody, whoever comes meanwhile", () => {
  enter(FIRST);
  const intents: (readonly number[])[] = [];
  for (const policy of ["container", "process"] as const) {
    rehearse(units(), {
      ...orderOf(() => 0),
      policy,
      onIntent: (_, pids) => {
        intents.push([...pids]);
        enter(FIRST + intents.length);
      },
    });
  }
  expect(intents).toEqual([[FIRST], [FIRST, FIRST + 1]]);
  expect(done).toEqual([]);
});
