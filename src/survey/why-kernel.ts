import type { KernelGeneration } from "../decide/kernel-generation.ts";
import type { KernelChoice } from "../decide/rank.ts";
import type { ExplainedProcess } from "../report/explain-report.ts";

/**
 * Why a kernel would kill whom it would kill; one sentence.
 * @param processes everybody, with points of whatever kernel
 */
export function whyKernel(
  choice: KernelChoice | null,
  processes: readonly ExplainedProcess[],
  kernel: KernelGeneration,
): string {
  if (choice === null) {
    return processes.length === 0
      ? "no process lives in it"
      : "every process in it has oom_score_adj -1000 and is never chosen";
  }
  return `${mostPoints(choice, processes, kernel)}${ofSandbox(choice, processes)}`;
}

function mostPoints(
  { process, badness, tied, insteadOf }: KernelChoice,
  processes: readonly ExplainedProcess[],
  kernel: KernelGeneration,
): string {
  if (insteadOf !== null) {
    return `${called(insteadOf)} has the most points, and this kernel kills the worst child in place of its parent`;
  }
  if (tied.length > 1) {
    return `${tied.length} processes tie at ${points(badness)}, and the ${kernel.ties} one it finds dies`;
  }
  if (processes.filter(({ oomScoreAdj }) => oomScoreAdj !== -1000).length === 1) {
    return "nobody else in it may be chosen";
  }
  const larger = processes.find((other) => other.oomScoreAdj !== -1000 && held(other) > held(process));
  const most = `it has the most points, ${badness}`;
  if (larger === undefined) return `${most}, and the most memory`;
  return larger.oomScoreAdj === process.oomScoreAdj
    ? `${most}; ${called(larger)} has more memory, but CAP_SYS_ADMIN takes points off`
    : `${most}; ${called(larger)} has more memory, but oom_score_adj ${larger.oomScoreAdj}, not ${process.oomScoreAdj}`;
}

function ofSandbox({ process, tied }: KernelChoice, processes: readonly ExplainedProcess[]): string {
  const sandboxes = new Set(processes.filter(({ isSandbox }) => isSandbox).map(({ pid }) => pid));
  if (sandboxes.has(process.pid))
    return "; it is the pod's sandbox, without which the whole pod is made anew";
  const pause = tied.find(({ pid }) => sandboxes.has(pid));
  return pause === undefined
    ? ""
    : `; ${called(pause)} is one of them, the pod's sandbox, without which the whole pod is made anew`;
}

const points = (count: number) => `${count} point${count === 1 ? "" : "s"}`;
const called = ({ comm, pid }: { readonly comm: string; readonly pid: number }) => `${comm} (pid ${pid})`;
const held = (process: Pick<ExplainedProcess, "rssBytes" | "swapBytes" | "pageTableBytes">) =>
  process.rssBytes + process.swapBytes + process.pageTableBytes;
