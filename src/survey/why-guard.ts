import type { Surveyed } from "./survey.ts";

/** Why the guard would kill what it would kill; one sentence. */
export function whyGuard({ cgroup, policy, guardChoice, processes }: Surveyed): string {
  if (guardChoice === null) {
    return processes.length === 0
      ? "no process lives in it"
      : "sandboxes, containers that a rule exempts and processes at oom_score_adj -1000 are left alone";
  }
  if (policy === "process")
    return "of the processes it may kill, this one has the most points; of equals, the youngest";
  const why =
    guardChoice.cgroup === cgroup
      ? "it is what would run out of memory, and dies as one"
      : "of the containers in it this one is furthest beyond its request; a sandbox is never killed";
  return policy === "noop" ? `${why}; policy noop only records it` : why;
}
