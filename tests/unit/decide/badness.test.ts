import { describe, expect, test } from "bun:test";
import { badness, badnessTerms, footprintBytes, oomTotalPages, sumOf } from "../../../src/decide/badness.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import { centos7, current, facts, GIB_PAGES, javaAndPause, M, PAGE } from "./processes.ts";

const before414 = kernelGeneration("4.4.0");

describe("a JVM and its sandbox in 1 GiB on Linux 3.10", () => {
  test("the JVM holds 248019 pages, the sandbox 76", () => {
    const { java, pause } = javaAndPause(0);
    expect(footprintBytes(java) / PAGE).toBe(248_019);
    expect(footprintBytes(pause) / PAGE).toBe(76);
  });

  test.each([
    ["at -998 both are 1: a tie", -998, 1, 1],
    ["at 2 the JVM has 248543 points, as the kernel counts", 2, 248_543, 600],
    ["at 0 they are what they hold", 0, 248_019, 76],
    ["at 1000 a whole limit is added", 1000, 248_019 + 262_000, 76 + 262_000],
    ["at -1000 neither is ever chosen", -1000, null, null],
  ])("%s", (_, adj, javaPoints, pausePoints) => {
    const { java, pause } = javaAndPause(adj);
    expect(badness(java, GIB_PAGES, PAGE, centos7)).toBe(javaPoints);
    expect(badness(pause, GIB_PAGES, PAGE, centos7)).toBe(pausePoints);
  });

  test("the sandbox stays at -998 as kubelet has it, and then has 1", () => {
    expect(badness(javaAndPause(-998).pause, GIB_PAGES, PAGE, centos7)).toBe(1);
  });

  test("the score of 948 is those points in thousandths of the limit", () => {
    expect(Math.floor((248_543 * 1000) / GIB_PAGES)).toBe(948);
  });
});

test("newer kernels keep the negative values apart", () => {
  const { java, pause } = javaAndPause(-998);
  expect(badness(java, GIB_PAGES, PAGE, current)).toBe(248_019 - 998 * 262);
  expect(badness(pause, GIB_PAGES, PAGE, current)).toBe(76 - 998 * 262);
});

test.each([
  ["swapped-out memory counts", facts(1, 10, { swapBytes: 5 * PAGE }), 15],
  ["page tables count", facts(1, 10, { ptePages: 3 }), 13],
  ["less than a page does not", facts(1, 10, { pageTableBytes: PAGE - 1 }), 10],
  [
    "the adjustment is divided first, as in the kernel: 1999 pages are one per point",
    facts(1, 0, { oomScoreAdj: 999 }),
    999,
  ],
])("%s", (_, process, points) => {
  expect(badness(process, 1999, PAGE, current)).toBe(points);
});

test("a limit below 1000 pages leaves the adjustment without effect, as in the kernel", () => {
  expect(badness(facts(1, 5, { oomScoreAdj: 1000 }), 999, PAGE, current)).toBe(5);
});

describe("the terms", () => {
  const process = facts(1, 10, { swapBytes: 5 * PAGE, ptePages: 3, oomScoreAdj: -7, admin: true });
  const held = { rssPages: 10, swapPages: 5, pageTablePages: 3, adjPages: -7 * 262 };
  test.each([
    ["a root bonus of the limit", centos7, { ...held, adminBonusPages: -30 * 262 }],
    ["one of its own 18 pages is less than a page", before414, { ...held, adminBonusPages: 0 }],
    ["none", current, { ...held, adminBonusPages: 0 }],
  ])("%s", (_, kernel, terms) => {
    expect(badnessTerms(process, GIB_PAGES, PAGE, kernel)).toEqual(terms);
  });

  test("add up to the points, but for those that are floored", () => {
    const sum = sumOf(badnessTerms(process, GIB_PAGES, PAGE, current));
    expect(sum).toBe(18 - 7 * 262);
    expect(badness(process, GIB_PAGES, PAGE, current)).toBe(sum);
    expect(badness(process, GIB_PAGES, PAGE, before414)).toBe(1);
  });

  test("the bonus is taken of what is held, before the adjustment", () => {
    const adjusted = facts(1, 1000, { oomScoreAdj: 1000, admin: true });
    expect(badness(adjusted, GIB_PAGES, PAGE, before414)).toBe(970 + 262_000);
  });

  test("nothing is no negative nothing", () => {
    const terms = badnessTerms(facts(1, 0, { oomScoreAdj: -5, admin: true }), 999, PAGE, before414);
    expect(Object.values(terms).every((pages) => Object.is(pages, 0))).toBe(true);
  });
});

describe("CAP_SYS_ADMIN", () => {
  const admin = facts(1, 100_000, { admin: true });
  test.each([
    ["took 3 % of the limit off before 3.14", centos7, 100_000 - 30 * 262],
    ["took 3 % of its own points off before 4.17", before414, 97_000],
    ["is worth nothing since", current, 100_000],
  ])("%s", (_, kernel, points) => {
    expect(badness(admin, GIB_PAGES, PAGE, kernel)).toBe(points);
  });

  test("cannot take a process below 1 there", () => {
    expect(badness(facts(1, 10, { admin: true }), GIB_PAGES, PAGE, centos7)).toBe(1);
  });
});

describe("the pages an adjustment is measured against", () => {
  const inf = Number.POSITIVE_INFINITY;
  const unlimited = 2 ** 63;
  test.each([
    ["the limit, without swap", 1024 * M, inf, 0, 60, 262_144],
    ["the limit and all swap where memsw has no limit", 1024 * M, unlimited, 512 * M, 60, 393_216],
    ["no more swap than memsw leaves", 1024 * M, 1280 * M, 512 * M, 60, 327_680],
    ["no swap where memsw is the limit", 1024 * M, 1024 * M, 512 * M, 60, 262_144],
    ["no swap where swappiness is 0", 1024 * M, inf, 512 * M, 0, 262_144],
    ["never less than one", 0, inf, 0, 60, 1],
  ])("%s", (_, limit, memsw, swap, swappiness, pages) => {
    expect(oomTotalPages(limit, memsw, swap, swappiness, PAGE)).toBe(pages);
  });

  test("are larger on a kernel with 64K pages", () => {
    expect(oomTotalPages(1024 * M, inf, 0, 60, 65_536)).toBe(16_384);
  });
});
