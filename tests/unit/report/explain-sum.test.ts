import { describe, expect, test } from "bun:test";
import { badness, badnessTerms } from "../../../src/decide/badness.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import type { ExplainReport } from "../../../src/report/explain-report.ts";
import { renderSum } from "../../../src/report/explain-sum.ts";
import { facts, GIB_PAGES, javaAndPause, PAGE } from "../decide/processes.ts";

const { java, pause } = javaAndPause(-998);

function sums(release: string, totalPages = GIB_PAGES): string[] {
  const kernel = kernelGeneration(release);
  const processes = [
    java,
    pause,
    facts(3000, 100, { swapBytes: 20 * PAGE, ptePages: 3, oomScoreAdj: 2, admin: true }),
    facts(4000, 7, { oomScoreAdj: -1000 }),
  ].map((process) => ({
    ...process,
    cgroup: "/a",
    terms: badnessTerms(process, totalPages, PAGE, kernel),
    badness: badness(process, totalPages, PAGE, kernel),
    isSandbox: false,
  }));
  return renderSum({ processes, totalPages, kernel } as unknown as ExplainReport);
}

describe("the sum, term by term", () => {
  test("today", () => {
    expect(sums("6.18.44")).toEqual([
      " PID     RSS  + SWAP  + TABLES  + ADJ * 262  = POINTS",
      "2000  247047       0       972      -261476    -13457",
      "1000      69       0         7      -261476   -261400",
      "3000     100      20         3          524       647",
      "4000       7       0         0      -262000     never",
    ]);
  });

  test("where root has a bonus, and whatever is below 1 is a 1", () => {
    expect(sums("3.10.0")).toEqual([
      " PID     RSS  + SWAP  + TABLES  + ADJ * 262  + ROOT       = POINTS",
      "2000  247047       0       972      -261476       0   -13457, so 1",
      "1000      69       0         7      -261476       0  -261400, so 1",
      "3000     100      20         3          524   -7860    -7213, so 1",
      "4000       7       0         0      -262000       0          never",
    ]);
  });
});
