import { defaults } from "../../src/config/defaults.ts";
import { marginBytes } from "../../src/decide/margin.ts";
import { MIB, type TestCgroup } from "../support/cgroup.ts";
import { until } from "../support/until.ts";
import type { Stage } from "./stage.ts";

/** What a leak has left before the guard is first told: at full speed it needs 30 ms for it. */
const RUN_UP_BYTES = 60 * MIB;

/**
 * A cgroup with a limit that leaks are let loose in, one after the other. Of a large one most is filled for good, by a
 * file in memory that nobody can reclaim, so that each leak has to fill the rest only.
 */
export interface Arena {
  readonly cgroup: TestCgroup;
  readonly limitBytes: number;
  readonly thresholdBytes: number;
  readonly marginBytes: number;
  /** What a leak finds free. */
  readonly freeBytes: number;
}

/** @param top where it is made, and whoever guards that guards it */
export async function makeArena(stage: Stage, top: TestCgroup, limitBytes: number): Promise<Arena> {
  const margin = marginBytes(limitBytes, defaults);
  const name = `limit-${limitBytes / MIB}M`;
  const cgroup = top.child(name, limitBytes);
  const ballastBytes = Math.max(0, limitBytes - 2 * margin - RUN_UP_BYTES);
  if (ballastBytes > 0) {
    const file = `${stage.memoryFolder}/${Math.random().toString(36).slice(2)}`;
    const fill = 'echo $$ >"$0" && exec fallocate -l "$1" "$2"';
    const filled = Bun.spawnSync(["sh", "-c", fill, cgroup.procsFile, String(ballastBytes), file]);
    if (filled.exitCode !== 0) throw new Error(`cannot fill ${cgroup.path}: ${filled.stderr}`);
    await until("the ballast is charged", () => cgroup.usageBytes >= ballastBytes - MIB);
  }
  return {
    cgroup,
    limitBytes,
    marginBytes: margin,
    thresholdBytes: limitBytes - margin,
    freeBytes: limitBytes - ballastBytes,
  };
}
