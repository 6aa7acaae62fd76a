import { MIB, type TestCgroup } from "../../support/cgroup.ts";
import { until } from "../../support/until.ts";
import { meminfoBytes } from "../../support/vm/kernel.ts";
import { type Arena, makeArena } from "../arena.ts";
import { type Contestant, cFloor, nobody, oomGuard } from "../contestants.ts";
import type { Context } from "../context.ts";
import { Leaks, type Load } from "../leak.ts";
import type { TableResult } from "../result.ts";
import { type Cell, raceReport } from "./race-report.ts";

const LIMITS_MIB = [16, 64, 1000, 8192];
const THREADS = [1, 2, 8];
/** Two arenas of the largest limit, and what leaks into them; what is cached meanwhile can go. */
const MEMORY_FOR_ALL_BYTES = 2 * 8192 * MIB + 2048 * MIB;
const PAGE_BYTES = 4096;
const OURS = "oom-guard";
const FLOOR = "C floor";
const HOLD = "oom-guard, hold";
const NOBODY = "no guard";

interface Lane {
  readonly contestant: Contestant;
  readonly arenas: readonly Arena[];
}

/** Who is first, the guard or the kernel. */
export async function race(context: Context): Promise<TableResult> {
  const { stage, isQuick } = context;
  const hasRoom = meminfoBytes("MemAvailable") >= MEMORY_FOR_ALL_BYTES;
  const limits = LIMITS_MIB.filter((limit) => limit <= 1000 || hasRoom);
  const guarded = stage.top();
  const apart = stage.top();
  const arenasIn = async (top: TestCgroup) => {
    const arenas: Arena[] = [];
    for (const limit of limits) {
      context.progress(`race: filling ${limit}M`);
      arenas.push(await makeArena(stage, top, limit * MIB));
    }
    return arenas;
  };
  const ourArenas = await arenasIn(guarded);
  const otherArenas = await arenasIn(apart);
  const leaks = new Leaks(stage);
  const cells: Cell[] = limits.flatMap((limitMib) =>
    [false, true].flatMap((huge) =>
      [false, true].flatMap((isCacheFull) =>
        THREADS.map((threads) => ({ limitMib, huge, isCacheFull, threads, runs: {} })),
      ),
    ),
  );

  const guard = await stage.guard({ roots: [guarded.path] });
  await run(context, cells, isQuick ? 2 : 8, [
    { contestant: oomGuard(OURS, guard, leaks), arenas: ourArenas },
    { contestant: cFloor(FLOOR, stage, leaks), arenas: otherArenas },
  ]);
  await stage.stop(guard);

  const holding = await stage.guard({ roots: [guarded.path], config: 'kernel_oom = "hold"\n' });
  const holds = await until("the kernel's OOM killer is off", () => ourArenas.every(isHeld), 1000).then(
    () => true,
    () => false,
  );
  if (holds) {
    await run(context, cells, isQuick ? 1 : 4, [
      { contestant: oomGuard(HOLD, holding, leaks), arenas: ourArenas },
    ]);
  }
  await stage.stop(holding);

  const [simplest] = cells.filter(({ limitMib, threads }) => limitMib === 1000 && threads === 1);
  await run(context, [simplest!], isQuick ? 1 : 5, [{ contestant: nobody(leaks), arenas: otherArenas }]);
  for (const top of [guarded, apart]) await stage.removeTop(top);
  return raceReport(cells, { ours: OURS, floor: FLOOR, hold: holds ? HOLD : null, nobody: NOBODY }, hasRoom);
}

function isHeld({ cgroup }: Arena): boolean {
  return cgroup.read("memory.oom_control").startsWith("oom_kill_disable 1");
}

/** Those in the lanes take turns. */
async function run(
  { progress }: Context,
  cells: readonly Cell[],
  runs: number,
  lanes: readonly Lane[],
): Promise<void> {
  for (const [at, cell] of cells.entries()) {
    const load: Load = cell;
    for (let i = 0; i < runs; i++) {
      for (let turn = 0; turn < lanes.length; turn++) {
        const { contestant, arenas } = lanes[(turn + i) % lanes.length]!;
        const { limitMib, threads, huge, isCacheFull } = cell;
        progress(
          `race: ${contestant.name}, cell ${at + 1} of ${cells.length} (${limitMib}M, ${threads} threads, ${huge ? "huge" : "4K"} pages, ${isCacheFull ? "cache-full" : "empty"}), ${i + 1} of ${runs}`,
        );
        const arena = arenas.find(({ limitBytes }) => limitBytes === limitMib * MIB)!;
        const { oomKills, hung, peakBytes } = await contestant.run(arena, load, false);
        cell.runs[contestant.name] ??= [];
        cell.runs[contestant.name]!.push({
          oomKills,
          hung,
          isAtLimit: peakBytes > arena.limitBytes - PAGE_BYTES,
        });
      }
    }
  }
}
