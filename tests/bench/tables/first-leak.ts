import { MIB } from "../../support/cgroup.ts";
import { makeArena } from "../arena.ts";
import { type Contestant, cFloor, oomGuard } from "../contestants.ts";
import type { Context } from "../context.ts";
import { Leaks } from "../leak.ts";
import { livedMillis } from "../lived.ts";
import { noiseNote } from "../noise.ts";
import type { TableResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { percentile } from "../statistics.ts";

// A margin of 2M: a leak at full speed takes 0.6 ms for it.
const LIMIT_BYTES = 100 * MIB;
const RUNS = 20;
const CALM_MS = 1000;

const OURS = "oom-guard";
const FLOOR = "C floor";
const FLOOR_AGAIN = "C floor again";
const NAMES = [OURS, FLOOR, FLOOR_AGAIN];

/** A guard that was just started has killed nobody yet: how long its first leak lives past the threshold of a small cgroup. */
export async function firstLeak({ stage, progress, isQuick }: Context): Promise<TableResult> {
  const runs = isQuick ? 5 : RUNS;
  const guarded = stage.top();
  const apart = stage.top();
  const leaks = new Leaks(stage);
  const beside = await makeArena(stage, apart, LIMIT_BYTES);
  const contestants = [
    { contestant: eachNew(stage, guarded.path, leaks), arena: await makeArena(stage, guarded, LIMIT_BYTES) },
    { contestant: cFloor(FLOOR, stage, leaks), arena: beside },
    { contestant: cFloor(FLOOR_AGAIN, stage, leaks), arena: beside },
  ];
  const millis: Record<string, number[]> = Object.fromEntries(NAMES.map((name) => [name, []]));
  const lost: Record<string, number> = Object.fromEntries(NAMES.map((name) => [name, 0]));
  for (let i = 0; i < runs; i++) {
    progress(`first leak: ${i + 1} of ${runs}`);
    for (const { contestant, arena } of contestants) {
      const run = await contestant.run(arena, { threads: 1, huge: false, isCacheFull: false }, true);
      const lived = livedMillis(run, arena);
      if (lived !== null) millis[contestant.name]!.push(lived);
      lost[contestant.name]! += run.oomKills;
    }
  }
  for (const top of [guarded, apart]) await stage.removeTop(top);
  return {
    title: "First leak: how long it lives past the threshold when its guard has not killed before, ms",
    notes: [
      `A limit of 100M, 4K pages, one thread, as fast as the machine can; ${runs} runs each, in turns, each with a new guard.`,
      noiseNote("C floor", millis[FLOOR]!, millis[FLOOR_AGAIN]!),
    ],
    headings: ["guard", "median", "p90", "worst", "lost"],
    rows: NAMES.map((name) => [
      name,
      ...[0.5, 0.9, 1].map((share) => percentile(millis[name]!, share).toFixed(2)),
      String(lost[name]),
    ]),
    goals: [],
    plot: {
      title: "How long the first leak of a guard lives past the threshold",
      axis: "ms, median and worst",
      scale: "log",
      rows: NAMES.map((name) => ({
        label: name,
        marks: [
          { series: name, middle: percentile(millis[name]!, 0.5), worst: percentile(millis[name]!, 1) },
        ],
      })),
    },
    raw: { millis, lost },
  };
}

/** A guard that is started for the leak, and has had a moment of calm. */
function eachNew(stage: Stage, root: string, leaks: Leaks): Contestant {
  return {
    name: OURS,
    async run(...leak) {
      const guard = await stage.guard({ roots: [root] });
      await Bun.sleep(CALM_MS);
      const run = await oomGuard(OURS, guard, leaks).run(...leak);
      await stage.stop(guard);
      return run;
    },
  };
}
