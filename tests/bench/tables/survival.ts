import { MIB } from "../../support/cgroup.ts";
import { type Arena, makeArena } from "../arena.ts";
import { BusyMachine } from "../busy-machine.ts";
import { type Contestant, cFloor, oomGuard } from "../contestants.ts";
import type { Context } from "../context.ts";
import { Leaks } from "../leak.ts";
import { livedMillis } from "../lived.ts";
import { noiseNote } from "../noise.ts";
import { atMost, type Goal, type TableResult } from "../result.ts";
import { percentile, ratioAt } from "../statistics.ts";

const LIMIT_BYTES = 1000 * MIB;
const HOGS_PER_CPU = 4;
const RUNS = 100;
/** A leak takes five times as long there; the bench as a whole has 15 minutes. */
const BUSY_RUNS = 80;
const GOAL_MEDIAN = 1.5;
const GOAL_P99 = 2;

/** One line of the table. */
interface Cell {
  readonly threads: number;
  readonly isBusy: boolean;
  /** Milliseconds of each run, by contestant; the reference twice. */
  readonly millis: Readonly<Record<string, number[]>>;
  /** Runs that the kernel's OOM killer ended, by contestant. */
  readonly lost: Readonly<Record<string, number>>;
}

const OURS = "oom-guard";
const FLOOR = "C floor";
const FLOOR_AGAIN = "C floor again";

/** How long a leak lives past the threshold, on a machine that does nothing else. */
export function survival(context: Context): Promise<TableResult> {
  return survivalOn(context, false);
}

/** The same with all cores oversubscribed. */
export function survivalBusy(context: Context): Promise<TableResult> {
  return survivalOn(context, true);
}

async function survivalOn(context: Context, isBusy: boolean): Promise<TableResult> {
  const { stage } = context;
  const runs = context.isQuick ? 10 : isBusy ? BUSY_RUNS : RUNS;
  const guarded = stage.top();
  const apart = stage.top();
  const leaks = new Leaks(stage);
  const arenas = {
    [OURS]: await makeArena(stage, guarded, LIMIT_BYTES),
    [FLOOR]: await makeArena(stage, apart, LIMIT_BYTES),
  };
  const guard = await stage.guard({ roots: [guarded.path] });
  const contestants: [Contestant, Arena][] = [
    [oomGuard(OURS, guard, leaks), arenas[OURS]!],
    [cFloor(FLOOR, stage, leaks), arenas[FLOOR]!],
    [cFloor(FLOOR_AGAIN, stage, leaks), arenas[FLOOR]!],
  ];
  const cells: Cell[] = [];
  const busy = isBusy ? BusyMachine.start(HOGS_PER_CPU) : null;
  try {
    for (const threads of [1, 2]) cells.push(await measure(context, contestants, threads, isBusy, runs));
  } finally {
    await busy?.stop();
  }
  await stage.stop(guard);
  for (const top of [guarded, apart]) await stage.removeTop(top);
  return report(cells, runs, isBusy);
}

/** All take turns, so that what else happens on the machine happens to all; who is first changes. */
async function measure(
  { progress }: Context,
  contestants: readonly (readonly [Contestant, Arena])[],
  threads: number,
  isBusy: boolean,
  runs: number,
): Promise<Cell> {
  const millis: Record<string, number[]> = {};
  const lost: Record<string, number> = {};
  for (let i = 0; i < runs; i++) {
    progress(`survival: threads: ${threads}, ${isBusy ? "busy" : "idle"}, ${i + 1} of ${runs}`);
    for (let turn = 0; turn < contestants.length; turn++) {
      const [contestant, arena] = contestants[(turn + i) % contestants.length]!;
      const load = { threads, huge: false, isCacheFull: false };
      const run = await contestant.run(arena, load, true);
      const lived = livedMillis(run, arena);
      lost[contestant.name] = (lost[contestant.name] ?? 0) + run.oomKills;
      millis[contestant.name] ??= [];
      if (lived !== null) millis[contestant.name]!.push(lived);
    }
  }
  return { threads, isBusy, millis, lost };
}

function report(cells: readonly Cell[], runs: number, isBusy: boolean): TableResult {
  const label = ({ threads, isBusy }: Cell) =>
    `${threads} thread${threads === 1 ? "" : "s"}, ${isBusy ? `${HOGS_PER_CPU} busy loops a core` : "idle"}`;
  return {
    title: `Survival: how long a leak lives past the threshold, ${isBusy ? "busy" : "idle"} machine, ms`,
    notes: [
      `A limit of 1000M, 4K pages, as fast as the machine can; ${runs} runs each, in turns, the floor twice.`,
      "From the page with which usage (memory.usage_in_bytes) came to the threshold to the last page that the leak touched.",
      ...cells.map((cell) =>
        noiseNote(`C floor (${label(cell)})`, cell.millis[FLOOR]!, cell.millis[FLOOR_AGAIN]!),
      ),
    ],
    headings: ["load", "guard", "median", "p90", "p99", "worst", "ratio median", "ratio p99", "lost"],
    rows: cells.flatMap((cell) =>
      [OURS, FLOOR, FLOOR_AGAIN].map((name) => {
        const values = cell.millis[name]!;
        const reference = cell.millis[FLOOR]!;
        return [
          label(cell),
          name,
          ...[0.5, 0.9, 0.99, 1].map((share) => percentile(values, share).toFixed(2)),
          ...[0.5, 0.99].map((share) => ratioAt(share, values, reference).toFixed(2)),
          String(cell.lost[name]),
        ];
      }),
    ),
    goals: cells.flatMap((cell) => goalsOf(cell, label(cell))),
    plot: {
      title: `How long a leak lives past the threshold, ${isBusy ? "busy" : "idle"} machine`,
      axis: "ms, median and 99th percentile",
      scale: "log",
      rows: cells.map((cell) => ({
        label: label(cell),
        marks: [OURS, FLOOR, FLOOR_AGAIN].map((series) => ({
          series,
          middle: percentile(cell.millis[series]!, 0.5),
          worst: percentile(cell.millis[series]!, 0.99),
        })),
      })),
    },
    raw: cells,
  };
}

/** Both measurements of the floor count as one: it is the same program. */
function goalsOf({ millis }: Cell, label: string): Goal[] {
  const floor = [...millis[FLOOR]!, ...millis[FLOOR_AGAIN]!];
  return [
    atMost(`survival, ${label}, median`, ratioAt(0.5, millis[OURS]!, floor), GOAL_MEDIAN, " x C floor"),
    atMost(`survival, ${label}, p99`, ratioAt(0.99, millis[OURS]!, floor), GOAL_P99, " x C floor"),
  ];
}
