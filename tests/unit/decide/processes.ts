import type { ProcessFacts } from "../../../src/decide/badness.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";

export const PAGE = 4096;
export const M = 2 ** 20;

/** An ordinary process; sizes in pages. */
export function facts(
  pid: number,
  rssPages: number,
  changes: Partial<ProcessFacts> & { readonly ptePages?: number } = {},
): ProcessFacts {
  const { ptePages = 0, ...rest } = changes;
  return {
    pid,
    parentPid: 1,
    comm: `p${pid}`,
    rssBytes: rssPages * PAGE,
    swapBytes: 0,
    pageTableBytes: ptePages * PAGE,
    oomScoreAdj: 0,
    admin: false,
    ...rest,
  };
}

export const centos7 = kernelGeneration("3.10.0-1160.el7.x86_64");
export const current = kernelGeneration("6.18.44");

/** A container of 1 GiB. */
export const GIB_PAGES = 262_144;

/** The pod of the worked example: a JVM that fills its gigabyte, and its sandbox. */
export function javaAndPause(oomScoreAdj: number) {
  return {
    java: facts(2000, 247_047, { ptePages: 972, comm: "java", oomScoreAdj }),
    pause: facts(1000, 69, { ptePages: 7, comm: "pause", oomScoreAdj }),
  };
}
