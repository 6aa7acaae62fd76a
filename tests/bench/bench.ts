// What `npm run bench` runs: how fast the guard is where it counts, and what it costs where nothing happens.
//   bun tests/bench/bench.ts [RUNS OF EACH RACE, 10]
// Figures go to the terminal and to dist/bench.json. About two minutes; leaves nothing behind.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { missingLeak } from "../support/requirements.ts";
import { spreadText, table } from "./figures.ts";
import { LIMIT_BYTES, type Load, type Run, raceOomGuard, raceReference, THRESHOLD_BYTES } from "./race.ts";
import { measureRest, measureScan, measureStart, populate, type Rest } from "./rest.ts";

const LOADS: readonly Load[] = [
  { threads: 1, huge: false },
  { threads: 2, huge: false },
  { threads: 1, huge: true },
  { threads: 2, huge: true },
];
const IDLE_CGROUPS = [0, 50, 250];
const REST_SECONDS = 10;
const FIRST_KILLS = 5;
const STARTS = 5;
const SCANS = 7;

const runs = Number(process.argv[2] ?? 10);
const folder = mkdtempSync(join(tmpdir(), "oom-guard-bench-"));
const tops: TestCgroup[] = [];

const reason = missingLeak();
if (reason !== null) {
  console.error(`bench: ${reason}`);
  process.exit(1);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void leave(130));
try {
  await bench();
  await leave(0);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  await leave(1);
}

async function leave(code: number): Promise<never> {
  for (const top of tops) await top.remove();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

function newTop(): TestCgroup {
  const top = TestCgroup.top();
  tops.push(top);
  return top;
}

async function bench(): Promise<void> {
  console.log(`kernel ${release()}, ${cpus().length} CPUs, load ${loadavg()[0]?.toFixed(2)}\n`);
  const races = await benchRaces();
  const idle = await benchIdle();
  const report = { version: 1, time: new Date().toISOString(), kernel: release(), cpus: cpus().length };
  writeFileSync("dist/bench.json", `${JSON.stringify({ ...report, races, ...idle }, null, 2)}\n`);
}

/** Both guards take turns, so that what else happens on the machine happens to both. */
async function benchRaces() {
  const reference = join(folder, "guard");
  const source = join(import.meta.dir, "guard.c");
  const compiled = Bun.spawnSync(["gcc", "-O2", "-o", reference, source]);
  if (compiled.exitCode !== 0) throw new Error(`gcc: ${compiled.stderr}`);
  const guarded = newTop();
  const apart = newTop();
  const results: { load: Load; guard: string; runs: Run[] }[] = [await benchFirstKills(guarded)];
  const guard = await TestGuard.start({ roots: [guarded.path] });
  try {
    for (const [at, load] of LOADS.entries()) {
      const ours: Run[] = [];
      const theirs: Run[] = [];
      for (let i = 0; i < runs; i++) {
        ours.push(await raceOomGuard(guard, guarded, `race-${at}-${i}`, load));
        theirs.push(await raceReference(reference, apart, `race-${at}-${i}`, load));
      }
      results.push({ load, guard: "oom-guard", runs: ours }, { load, guard: "C", runs: theirs });
    }
  } finally {
    await guard.stop();
  }
  console.log(
    `A leak into a limit of ${LIMIT_BYTES / MIB}M (threshold ${THRESHOLD_BYTES / MIB}M), ${runs} runs each; min / median / max`,
  );
  console.log(
    table(
      [
        "pages",
        "threads",
        "guard",
        "usage beyond threshold, M",
        "woken to last SIGKILL, us",
        "lost to kernel",
      ],
      results.map(({ load, guard, runs }) => [
        load.huge ? "huge" : "4K",
        String(load.threads),
        guard,
        spreadText(
          runs.map(({ overshootBytes }) => overshootBytes / MIB),
          1,
        ),
        spreadText(
          runs.flatMap(({ decideMicros }) => decideMicros ?? []),
          0,
        ),
        String(runs.filter(({ oomKills }) => oomKills > 0).length),
      ]),
    ),
  );
  return results;
}

/** On a node the kill that counts is mostly a guard's first: nothing of its path was used before, save in rehearsal. */
async function benchFirstKills(guarded: TestCgroup) {
  const load: Load = { threads: 1, huge: false };
  const firsts: Run[] = [];
  for (let i = 0; i < FIRST_KILLS; i++) {
    const guard = await TestGuard.start({ roots: [guarded.path] });
    try {
      firsts.push(await raceOomGuard(guard, guarded, `first-${i}`, load));
    } finally {
      await guard.stop();
    }
  }
  return { load, guard: "oom-guard, just started", runs: firsts };
}

async function benchIdle() {
  const config = join(folder, "config.toml");
  writeFileSync(config, '[runtime]\nsockets = ["/nonexistent/containerd.sock"]\n');
  const rest: Rest[] = [];
  const starts: { cgroups: number; millis: number[] }[] = [];
  const scans: number[] = [];
  for (const cgroups of IDLE_CGROUPS) {
    const top = newTop();
    populate(top, cgroups);
    rest.push(await measureRest(top, cgroups, REST_SECONDS));
    if (cgroups !== 50) {
      const millis: number[] = [];
      for (let i = 0; i < STARTS; i++) millis.push(await measureStart(top, config, join(folder, "state")));
      starts.push({ cgroups, millis });
    }
    if (cgroups === 250) for (let i = 0; i < SCANS; i++) scans.push(await measureScan(top, config));
    await top.remove();
  }
  console.log(`\nAt rest, ${REST_SECONDS} s`);
  console.log(
    table(
      ["cgroups", "RSS, M", "of it anonymous, M", "descriptors", "CPU, ms per s", "wake-ups per s"],
      rest.map((row) => [
        String(row.cgroups),
        (row.rssBytes / MIB).toFixed(1),
        (row.anonBytes / MIB).toFixed(1),
        String(row.descriptors),
        ((row.cpuSeconds * 1000) / row.seconds).toFixed(2),
        (row.wakeUps / row.seconds).toFixed(1),
      ]),
    ),
  );
  console.log("\nFrom exec to an answer, ms; min / median / max");
  console.log(
    table(
      ["command", "cgroups", "ms"],
      [
        ...starts.map(({ cgroups, millis }) => [
          "run, until it guards",
          String(cgroups),
          spreadText(millis, 0),
        ]),
        ["scan --json", "250", spreadText(scans, 0)],
      ],
    ),
  );
  return { rest, starts, scans };
}
