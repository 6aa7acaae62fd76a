import type { ReclaimOutcome } from "../cgroup/hierarchy.ts";
import { forceEmpty } from "../cgroup/v1/reclaim.ts";
import type { Config } from "../config/config.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { Scratch } from "./scratch.ts";
import { maySwap, type SwapState } from "./swap.ts";

const BUDGET_MS = 500;

/** Does this kernel drop the page cache of a cgroup that has processes? @throws what node:fs throws */
export async function checkReclaim(
  mount: string,
  procRoot: string,
  mode: Config["reclaim"]["mode"],
  swap: SwapState,
): Promise<Finding> {
  if (mode === "never") return ok("off (reclaim.mode)");
  const scratch = new Scratch(mount, procRoot);
  try {
    // Waits for the end of its input, that is for ours.
    scratch.start(["cat"]);
    if (!(await scratch.isEntered())) {
      return fail("no process came into a scratch cgroup", "see that /bin/sh and cat may be started");
    }
    return judgeReclaim(await forceEmpty(scratch.directory, BUDGET_MS), swap);
  } finally {
    await scratch.remove();
  }
}

/** What the answer means for a guard. */
export function judgeReclaim(outcome: ReclaimOutcome, swap: SwapState): Finding {
  const off = 'set mode = "never" in [reclaim] to save the tries; the guarding does not depend on it';
  switch (outcome) {
    case "done":
      return ok(`memory.force_empty works${maySwap(swap) ? ", not used where memory would go to swap" : ""}`);
    case "refused":
      return warn("memory.force_empty is refused while a cgroup has processes (Linux before 3.16)", off);
    case "cut-off":
      return warn(`memory.force_empty of a near-empty cgroup took more than ${BUDGET_MS} ms`, off);
    case "failed":
      return warn("this kernel has no memory.force_empty", off);
  }
}
