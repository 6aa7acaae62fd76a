import { readFileSync } from "node:fs";
import { pageBytes } from "../../ffi/sysinfo.ts";
import { readOnce } from "../cgroup/read-once.ts";
import { badness, type ProcessFacts } from "../decide/badness.ts";
import { kernelGeneration } from "../decide/kernel-generation.ts";
import { oomGroup } from "../decide/oom-group.ts";
import { kernelChoice } from "../decide/rank.ts";
import { reclaimableBytes } from "../decide/reading.ts";
import { calm, lookOnce, step } from "../decide/step.ts";
import { parseCgroupPath } from "../proc/cgroup-path.ts";
import type { ExplainReport } from "../report/explain-report.ts";
import { humanSize } from "../report/size.ts";
import type { Surveyed, SurveyTools } from "./survey.ts";

// The kernel the original tool was made for: clamps to 1 and takes the first of equals.
const oldKernel = kernelGeneration("3.10.0");

/** Everything `explain` tells about a limited cgroup. */
export function explain(surveyed: Surveyed, tools: SurveyTools): ExplainReport {
  const { identity, policy, reading, bounds, limitBytes, totalPages, processes, guardChoice } = surveyed;
  const { podUid: _, ...shown } = identity;
  const pointsOf = (process: ProcessFacts) => badness(process, totalPages, pageBytes, tools.kernel);
  const explained = processes.map((process) => ({
    pid: process.pid,
    comm: process.comm,
    cgroup: cgroupOf(process.pid, tools),
    rssBytes: process.rssBytes,
    swapBytes: process.swapBytes,
    pageTableBytes: process.pageTableBytes,
    oomScoreAdj: process.oomScoreAdj,
    badness: pointsOf(process),
  }));
  const victim = (process: ProcessFacts | null | undefined) =>
    process ? { pid: process.pid, comm: process.comm } : null;
  return {
    version: 1,
    cgroup: surveyed.cgroup,
    ...shown,
    limitBytes,
    thresholdBytes: bounds.thresholdBytes,
    usageBytes: reading.usageBytes,
    reclaimableBytes: reclaimableBytes(reading),
    policy,
    totalPages,
    pageBytes,
    processes: explained.sort((a, b) => (b.badness ?? -Infinity) - (a.badness ?? -Infinity)),
    kernelVictim: victim(surveyed.kernelVictim),
    kernelKillsCgroup: kernelKillsCgroup(surveyed, tools),
    oldKernelVictim: victim(kernelChoice(processes, totalPages, pageBytes, oldKernel)?.process),
    guardVictim: victim(guardChoice?.largest),
    guardCgroup: policy === "process" ? null : (guardChoice?.cgroup ?? null),
    now: verdictNow(surveyed),
  };
}

function kernelKillsCgroup({ cgroup, kernelVictim }: Surveyed, tools: SurveyTools): string | null {
  if (kernelVictim === null) return null;
  const { reader, hierarchy } = tools;
  const diesAsOne = (name: string) =>
    readOnce(reader, `${hierarchy.mount}${name}`, (_, directoryFd) => reader.diesAsOne(directoryFd)) === true;
  return oomGroup(cgroupOf(kernelVictim.pid, tools), cgroup, diesAsOne);
}

function cgroupOf(pid: number, { procRoot, hierarchy }: SurveyTools): string {
  try {
    return parseCgroupPath(readFileSync(`${procRoot}/${pid}/cgroup`, "utf8"), hierarchy.version) ?? "";
  } catch {
    return "";
  }
}

function verdictNow({ reading, bounds, policy, guardChoice }: Surveyed): string {
  const { usageBytes } = reading;
  if (usageBytes < bounds.thresholdBytes) {
    return `nothing to do, ${humanSize(bounds.thresholdBytes - usageBytes)} are left to the threshold`;
  }
  const { action, state } = step(calm, reading, bounds, policy, lookOnce);
  if (state.phase === "cache") {
    return `over the threshold, but the kernel can reclaim ${humanSize(reclaimableBytes(reading))}, at least ${humanSize(bounds.cacheFloorBytes)}: no reason to kill`;
  }
  if (state.phase === "slack") return "over the threshold by per-CPU pre-charges only: no reason to kill yet";
  if (guardChoice === null) return "over the threshold, but there is nobody the guard may kill";
  return action === "kill"
    ? "over the threshold with nothing left to reclaim: the guard kills"
    : "over the threshold with nothing left to reclaim; policy noop only says so";
}
