import type { ReclaimOutcome } from "../cgroup/hierarchy.ts";
import { hierarchyToLookAt } from "../cgroup/look-at.ts";
import type { Config } from "../config/config.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { Scratch } from "./scratch.ts";
import { maySwap, type SwapState } from "./swap.ts";

const BUDGET_MS = 500;
const WANTED_BYTES = 64 * 1024;

/** What was tried, and how it ended. */
export interface ReclaimFacts {
  readonly version: 1 | 2;
  readonly outcome: ReclaimOutcome;
  /** Whether it can spare anonymous memory where there is swap. */
  readonly sparesSwap: boolean;
  /** Whether memory.high makes the kernel reclaim at the threshold anyway. */
  readonly isHeld: boolean;
}

/** Does this kernel drop the page cache of a cgroup that has processes? @throws what node:fs throws */
export async function checkReclaim(
  mount: MemoryMount,
  procRoot: string,
  mode: Config["reclaim"]["mode"],
  isHeld: boolean,
  swap: SwapState,
): Promise<Finding> {
  if (mode === "never") return ok("off (reclaim.mode)");
  const hierarchy = hierarchyToLookAt(mount);
  const scratch = new Scratch(mount.path, procRoot);
  try {
    // Waits for the end of its input, that is for ours.
    scratch.start(["cat"]);
    if (!(await scratch.isEntered())) {
      return fail("no process came into a scratch cgroup", "see that /bin/sh and cat may be started");
    }
    const outcome = await hierarchy.reclaim(scratch.cgroup, WANTED_BYTES, BUDGET_MS);
    const { version, reclaimSparesSwap } = hierarchy;
    return judgeReclaim({ version, outcome, sparesSwap: reclaimSparesSwap, isHeld }, swap);
  } finally {
    await scratch.remove();
  }
}

/** What the answer means for a guard. */
export function judgeReclaim(
  { version, outcome, sparesSwap, isHeld }: ReclaimFacts,
  swap: SwapState,
): Finding {
  const file = version === 1 ? "memory.force_empty" : "memory.reclaim";
  const off = 'set mode = "never" in [reclaim] to save the tries; the guarding does not depend on it';
  switch (outcome) {
    case "done":
      if (!maySwap(swap)) return ok(`${file} works`);
      return ok(
        `${file} works, ${sparesSwap ? "and spares what would go" : "not used where memory would go"} to swap`,
      );
    case "cut-off":
      return warn(`${file} of a near-empty cgroup took more than ${BUDGET_MS} ms`, off);
    case "refused":
      if (version === 1)
        return warn(`${file} is refused while a cgroup has processes (Linux before 3.16)`, off);
      return isHeld
        ? ok(`this kernel has no ${file} (Linux 5.19 has): it reclaims at memory.high by itself`)
        : warn(
            `this kernel has no ${file} (Linux 5.19 has), nor is memory.high used: it reclaims at the limit only`,
            off,
          );
    case "failed":
      return warn(version === 1 ? `this kernel has no ${file}` : `${file} could not be tried`, off);
  }
}
