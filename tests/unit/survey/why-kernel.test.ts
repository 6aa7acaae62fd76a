import { expect, test } from "bun:test";
import { badness, badnessTerms, type ProcessFacts } from "../../../src/decide/badness.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import { kernelChoice } from "../../../src/decide/rank.ts";
import type { ExplainedProcess } from "../../../src/report/explain-report.ts";
import { whyKernel } from "../../../src/survey/why-kernel.ts";
import { facts, GIB_PAGES, PAGE } from "../decide/processes.ts";

const SANDBOX = 50;

function why(release: string, processes: readonly ProcessFacts[]): string {
  const kernel = kernelGeneration(release);
  const explained = processes.map(
    (process): ExplainedProcess => ({
      ...process,
      cgroup: "/a",
      terms: badnessTerms(process, GIB_PAGES, PAGE, kernel),
      badness: badness(process, GIB_PAGES, PAGE, kernel),
      isSandbox: process.pid === SANDBOX,
    }),
  );
  return whyKernel(kernelChoice(processes, GIB_PAGES, PAGE, kernel), explained, kernel);
}

const AND_THE_POD = "the pod's sandbox, without which the whole pod is made anew";

test.each<[string, string, ProcessFacts[], string]>([
  ["nobody is there", "6.1", [], "no process lives in it"],
  [
    "nobody may be chosen",
    "6.1",
    [facts(1, 9, { oomScoreAdj: -1000 })],
    "every process in it has oom_score_adj -1000 and is never chosen",
  ],
  [
    "only one may be",
    "6.1",
    [facts(1, 9), facts(2, 99, { oomScoreAdj: -1000 })],
    "nobody else in it may be chosen",
  ],
  [
    "it is the largest",
    "6.1",
    [facts(1, 9), facts(2, 99)],
    "it has the most points, 99, and the most memory",
  ],
  [
    "an adjustment outweighs memory",
    "6.1",
    [facts(1, 9, { oomScoreAdj: 5 }), facts(2, 99), facts(3, 999, { oomScoreAdj: -1000 })],
    "it has the most points, 1319; p2 (pid 2) has more memory, but oom_score_adj 0, not 5",
  ],
  [
    "root is spared",
    "3.10",
    [facts(3, 900), facts(2, 999, { admin: true })],
    "it has the most points, 900; p2 (pid 2) has more memory, but CAP_SYS_ADMIN takes points off",
  ],
  [
    "equals tie",
    "6.1",
    [facts(1, 9), facts(2, 9)],
    "2 processes tie at 9 points, and the last one it finds dies",
  ],
  [
    "a child dies for its parent",
    "3.10",
    [facts(1, 99), facts(2, 9, { parentPid: 1 })],
    "p1 (pid 1) has the most points, and this kernel kills the worst child in place of its parent",
  ],
  [
    "the sandbox dies",
    "3.10",
    [facts(SANDBOX, 9, { oomScoreAdj: -998 }), facts(2, 99, { oomScoreAdj: -998 })],
    `2 processes tie at 1 point, and the first one it finds dies; it is ${AND_THE_POD}`,
  ],
  [
    "the sandbox might as well",
    "3.10",
    [facts(2, 99, { oomScoreAdj: -998 }), facts(SANDBOX, 9, { oomScoreAdj: -998 })],
    `2 processes tie at 1 point, and the first one it finds dies; p${SANDBOX} (pid ${SANDBOX}) is one of them, ${AND_THE_POD}`,
  ],
])("%s (Linux %s)", (_, release, processes, sentence) => {
  expect(why(release, processes)).toBe(sentence);
});
