import { describe, expect, test } from "bun:test";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import { kernelChoice, rank, tiedForFirst } from "../../../src/decide/rank.ts";
import { centos7, current, facts, GIB_PAGES, javaAndPause, PAGE } from "./processes.ts";

const v5 = kernelGeneration("5.0.0");
type Kernel = typeof current;
const choice = (processes: Parameters<typeof kernelChoice>[0], kernel: Kernel) =>
  kernelChoice(processes, GIB_PAGES, PAGE, kernel)?.process.comm ?? null;
const order = (processes: Parameters<typeof rank>[0], kernel: Kernel) =>
  rank(processes, GIB_PAGES, PAGE, kernel).map(({ process }) => process.pid);

describe("a Guaranteed pod, everything at -998", () => {
  const { java, pause } = javaAndPause(-998);
  test.each([
    ["Linux 3.10 ties, and takes the first it finds: the sandbox", centos7, [pause, java], "pause"],
    ["Linux 3.10 takes the JVM where that comes first", centos7, [java, pause], "java"],
    ["Linux 6 compares the negative values", current, [pause, java], "java"],
    ["Linux 6, in any order", current, [java, pause], "java"],
  ])("%s", (_, kernel, processes, victim) => {
    expect(choice(processes, kernel)).toBe(victim);
  });

  test("the guard's own ranking goes on by size where points tie", () => {
    expect(order([pause, java], centos7)).toEqual([java.pid, pause.pid]);
  });
});

test("at 2 the JVM dies on any kernel", () => {
  const { java, pause } = javaAndPause(2);
  expect(choice([pause, java], centos7)).toBe("java");
  expect(choice([pause, java], current)).toBe("java");
});

test("equal points: the first found died before 5.3, the last found dies since", () => {
  const twins = [facts(1, 100), facts(2, 100), facts(3, 50)];
  expect(choice(twins, kernelGeneration("5.2.0"))).toBe("p1");
  expect(choice(twins, kernelGeneration("5.3.0"))).toBe("p2");
});

test("the choice tells among whom the order decided", () => {
  const processes = [facts(1, 100), facts(2, 50), facts(3, 100), facts(4, 100, { oomScoreAdj: -1000 })];
  const chosen = kernelChoice(processes, GIB_PAGES, PAGE, current);
  expect(chosen).toMatchObject({ process: { pid: 3 }, badness: 100, insteadOf: null });
  expect(chosen?.tied.map(({ pid }) => pid)).toEqual([1, 3]);
});

describe("before 5.1 the worst child died in the place of its parent", () => {
  const parent = facts(10, 1000);
  test.each([
    ["its largest one", [parent, facts(11, 5, { parentPid: 10 }), facts(12, 7, { parentPid: 10 })], "p12"],
    ["but not one at -1000", [parent, facts(11, 5, { parentPid: 10, oomScoreAdj: -1000 })], "p10"],
    ["nor a grandchild", [parent, facts(11, 5, { parentPid: 10 }), facts(12, 900, { parentPid: 11 })], "p11"],
    ["nor somebody else's", [parent, facts(11, 900, { parentPid: 9 })], "p10"],
  ])("%s", (_, processes, victim) => {
    expect(choice(processes, v5)).toBe(victim);
  });

  test("of equal children the first one, however much it holds", () => {
    const child = (pid: number, pages: number) => facts(pid, pages, { parentPid: 10, oomScoreAdj: -998 });
    expect(choice([parent, child(11, 5), child(12, 7)], v5)).toBe("p11");
  });

  test("the choice tells in whose place", () => {
    const chosen = kernelChoice([parent, facts(11, 5, { parentPid: 10 })], GIB_PAGES, PAGE, v5);
    expect(chosen).toMatchObject({ process: { pid: 11 }, badness: 5, insteadOf: { pid: 10 } });
    expect(chosen?.tied.map(({ pid }) => pid)).toEqual([10]);
  });

  test("since then the parent dies itself", () => {
    expect(choice([parent, facts(11, 5, { parentPid: 10 })], current)).toBe("p10");
  });
});

test.each([
  ["nobody is there", []],
  ["all are at -1000", [facts(1, 10, { oomScoreAdj: -1000 }), facts(2, 10, { oomScoreAdj: -1000 })]],
])("nobody is chosen where %s", (_, processes) => {
  expect(choice(processes, current)).toBeNull();
  expect(order(processes, current)).toEqual([]);
});

describe("the guard's ranking", () => {
  test.each([
    ["the most points first", [facts(1, 10), facts(2, 30), facts(3, 20)], [2, 3, 1]],
    ["an adjustment counts more than memory", [facts(1, 20_000), facts(2, 1, { oomScoreAdj: 500 })], [2, 1]],
    ["equal points go to the larger memory", [facts(1, 0, { oomScoreAdj: 1 }), facts(2, 262)], [2, 1]],
    ["those who tie in both keep the order given", [facts(3, 5), facts(1, 5), facts(2, 5)], [3, 1, 2]],
    ["those at -1000 are left out", [facts(1, 10, { oomScoreAdj: -1000 }), facts(2, 5)], [2]],
  ])("%s", (_, processes, pids) => {
    expect(order(processes, current)).toEqual(pids);
  });

  test.each([
    ["nobody of nobody", [], []],
    ["one alone", [facts(1, 5), facts(2, 4)], [1]],
    ["all that are equal at the top", [facts(1, 5), facts(2, 5), facts(3, 4), facts(4, 4)], [1, 2]],
    ["not those of equal points but other size", [facts(1, 262), facts(2, 0, { oomScoreAdj: 1 })], [1]],
  ])("tied for first is %s", (_, processes, pids) => {
    const ranked = rank(processes, GIB_PAGES, PAGE, current);
    expect(tiedForFirst(ranked).map(({ process }) => process.pid)).toEqual(pids);
  });
});
