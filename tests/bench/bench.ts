// What `npm run bench` runs: how fast the guard is where it counts, what it costs where nothing happens, and beside both
// what others do in the same run.
//   bun tests/bench/bench.ts [--quick] [--long] [TABLE...]
// Tables go to the terminal, to dist/bench.json, dist/bench.md and dist/bench/*.svg. Leaves nothing behind.
import { join } from "node:path";
import type { Context } from "./context.ts";
import { machineFacts } from "./machine-facts.ts";
import { missing } from "./missing.ts";
import { Progress } from "./progress.ts";
import { goalTable, machineLine, markdownOf } from "./report/markdown.ts";
import { ReportFolder } from "./report/store.ts";
import type { TableResult } from "./result.ts";
import { CannotMeasure, Stage } from "./stage.ts";
import { estimate, TABLES } from "./tables.ts";

const USAGE = `usage: npm run bench -- [--quick] [--long] [TABLE...]
  --quick   a look: few runs, short times
  --long    10 minutes of churn instead of one
  TABLE     ${Object.keys(TABLES).join(", ")}; all of them by default`;

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
if (flags.includes("--help")) {
  console.log(USAGE);
  process.exit(0);
}
const unknown =
  flags.find((flag) => flag !== "--quick" && flag !== "--long") ?? named.find((name) => !(name in TABLES));
const reason = unknown === undefined ? missing() : `what is "${unknown}"?\n${USAGE}`;
if (reason !== null) {
  console.error(`bench: ${reason}`);
  process.exit(unknown === undefined ? 1 : 2);
}

const stage = new Stage();
const progress = new Progress(process.stderr);
let leaving = false;
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => void leave(code));
}
// `npm run bench | head`: nobody is reading any more.
process.stdout.on("error", () => void leave(1));

try {
  await bench(named.length > 0 ? named : Object.keys(TABLES));
  await leave(0);
} catch (error) {
  // Whoever leaves early pulls the rug out from under what is measured; what it says of that is of no interest.
  if (!leaving) {
    progress.clear();
    console.error(`bench: ${error instanceof CannotMeasure ? error.message : (error as Error).stack}`);
    await leave(1);
  }
}

async function leave(code: number): Promise<void> {
  if (leaving) return;
  leaving = true;
  progress.clear();
  await stage.clear();
  process.exit(code);
}

async function bench(names: readonly string[]): Promise<void> {
  const folder = new ReportFolder(join(import.meta.dir, "../../dist"), Object.keys(TABLES));
  const isQuick = flags.includes("--quick");
  const context: Context = {
    stage,
    isQuick,
    isLong: flags.includes("--long"),
    progress: (text) => progress.show(text),
  };
  const goals: TableResult["goals"][number][] = [];
  console.log(`${machineLine(machineFacts())}\n`);
  console.error(`${estimate(names, isQuick)}\n`);
  for (const name of names) {
    const machine = machineFacts();
    const startedMs = performance.now();
    const table = await TABLES[name]!.measure(context);
    const seconds = (performance.now() - startedMs) / 1000;
    progress.clear();
    folder.add(name, { machine, seconds, isQuick, table });
    goals.push(...table.goals);
    console.log(`${markdownOf(table)}\n\n${seconds.toFixed(0)} s\n`);
  }
  console.log(`## Goals\n\n${goalTable(goals)}`);
}
