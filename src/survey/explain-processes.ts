import { readFileSync } from "node:fs";
import { pageBytes } from "../../ffi/sysinfo.ts";
import { isPause } from "../act/choose.ts";
import { badness, badnessTerms, type ProcessFacts } from "../decide/badness.ts";
import { identifyCgroup } from "../discover/identify.ts";
import { parseCgroupPath } from "../proc/cgroup-path.ts";
import type { ExplainedProcess } from "../report/explain-report.ts";
import type { Surveyed, SurveyTools } from "./survey.ts";

/** Every process with the terms of its sum, worst first; of equals, in the kernel's order. */
export function explainProcesses(surveyed: Surveyed, tools: SurveyTools): ExplainedProcess[] {
  const byCgroup = Map.groupBy(surveyed.processes, ({ pid }) => cgroupOf(pid, tools));
  const { totalPages } = surveyed;
  const explained: ExplainedProcess[] = [];
  for (const [cgroup, processes] of byCgroup) {
    const inSandbox = isSandbox(cgroup, processes, surveyed.cgroup, tools);
    for (const process of processes) {
      const { pid, comm, rssBytes, swapBytes, pageTableBytes, oomScoreAdj } = process;
      explained.push({
        ...{ pid, comm, cgroup, rssBytes, swapBytes, pageTableBytes, oomScoreAdj },
        terms: badnessTerms(process, totalPages, pageBytes, tools.kernel),
        badness: badness(process, totalPages, pageBytes, tools.kernel),
        isSandbox: inSandbox,
      });
    }
  }
  return explained.sort((a, b) => (b.badness ?? -Infinity) - (a.badness ?? -Infinity));
}

/** By its name, or, where nobody knows it, by what lives in it; the same rules as the guard's (`orderUnits`). */
function isSandbox(
  cgroup: string,
  processes: readonly ProcessFacts[],
  explained: string,
  { names, pods }: SurveyTools,
): boolean {
  if (identifyCgroup(cgroup, names, pods).kind === "sandbox") return true;
  return cgroup !== explained && isPause(processes);
}

/** The memory cgroup of a process; "" when it is gone. */
export function cgroupOf(pid: number, { procRoot, hierarchy }: SurveyTools): string {
  try {
    return parseCgroupPath(readFileSync(`${procRoot}/${pid}/cgroup`, "utf8"), hierarchy.version) ?? "";
  } catch {
    return "";
  }
}
