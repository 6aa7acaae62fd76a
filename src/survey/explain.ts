import { pageBytes } from "../../ffi/sysinfo.ts";
import { readOnce } from "../cgroup/read-once.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { type KernelGeneration, kernelGeneration } from "../decide/kernel-generation.ts";
import { oomGroup } from "../decide/oom-group.ts";
import { kernelChoice } from "../decide/rank.ts";
import { reclaimableBytes } from "../decide/reading.ts";
import type { ExplainReport } from "../report/explain-report.ts";
import { cgroupOf, explainProcesses } from "./explain-processes.ts";
import type { Surveyed, SurveyTools } from "./survey.ts";
import { verdictNow } from "./verdict-now.ts";
import { whyGuard } from "./why-guard.ts";
import { whyKernel } from "./why-kernel.ts";

// The kernel the original tool was made for: clamps to 1 and takes the first of equals.
const oldKernel = kernelGeneration("3.10.0");

/**
 * Everything `explain` tells about a limited cgroup.
 * @param askedCgroup the cgroup that was asked about: this one, or one below it
 */
export function explain(surveyed: Surveyed, tools: SurveyTools, askedCgroup: string): ExplainReport {
  const { identity, policy, reading, bounds, limitBytes, totalPages, guardChoice } = surveyed;
  const { podUid: _, ...shown } = identity;
  const processes = explainProcesses(surveyed, tools);
  const choiceOf = (kernel: KernelGeneration) =>
    kernelChoice(surveyed.processes, totalPages, pageBytes, kernel);
  const [chosen, oldChosen] = [choiceOf(tools.kernel), choiceOf(oldKernel)];
  const victim = (process: ProcessFacts | undefined) =>
    process ? { pid: process.pid, comm: process.comm } : null;
  return {
    version: 1,
    cgroup: surveyed.cgroup,
    askedCgroup,
    ...shown,
    limitBytes,
    thresholdBytes: bounds.thresholdBytes,
    usageBytes: reading.usageBytes,
    reclaimableBytes: reclaimableBytes(reading),
    policy,
    held: isHeld(surveyed.cgroup, tools),
    totalPages,
    pageBytes,
    kernel: tools.kernel,
    processes,
    kernelVictim: victim(chosen?.process),
    kernelReason: whyKernel(chosen, processes, tools.kernel),
    kernelKillsCgroup: chosen && kernelKillsCgroup(surveyed.cgroup, chosen.process, tools),
    oldKernelVictim: victim(oldChosen?.process),
    oldKernelReason:
      oldChosen?.process === chosen?.process
        ? "this kernel and that one agree"
        : whyKernel(oldChosen, processes, oldKernel),
    guardVictim: victim(guardChoice?.largest),
    guardReason: whyGuard(surveyed),
    guardCgroup: policy === "process" ? null : (guardChoice?.cgroup ?? null),
    now: verdictNow(surveyed),
  };
}

function isHeld(cgroup: string, { reader, hierarchy }: SurveyTools): boolean {
  return (
    readOnce(reader, `${hierarchy.mount}${cgroup}`, (_, directoryFd) => reader.isHeld(directoryFd)) === true
  );
}

function kernelKillsCgroup(cgroup: string, chosen: ProcessFacts, tools: SurveyTools): string | null {
  const { reader, hierarchy } = tools;
  const diesAsOne = (name: string) =>
    readOnce(reader, `${hierarchy.mount}${name}`, (_, directoryFd) => reader.diesAsOne(directoryFd)) === true;
  return oomGroup(cgroupOf(chosen.pid, tools), cgroup, diesAsOne);
}
