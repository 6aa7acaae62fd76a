// What `npm test` runs: every test file, each in a process of its own, the pure ones first, then those on real
// cgroups one after the other, because they need both of a small machine's cores, then those in virtual machines, and
// beside them those that mostly wait. What fails in a machine, or beside one, runs once more; what fails twice has failed.
//   bun tests/run.ts [PART OF A PATH OR OF "PATH in MACHINE"]...
// OOM_GUARD_TEST_SKIPS=forbid makes a skipped test a failed one (CI).
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Guests } from "./runner/guests.ts";
import { isInMachine, lanesOf, type PlannedFile, plan, strays, titleOf } from "./runner/plan.ts";
import { type FileResult, ofBoth, type Running, runFile } from "./runner/run-file.ts";
import {
  closingLine,
  failureLines,
  fileLine,
  isGood,
  leftoverLines,
  skipLines,
  totalsOf,
  unsteadyLines,
} from "./runner/summary.ts";

const repository = join(import.meta.dir, "..");
const binary = join(repository, "dist/oom-guard");
const outputFolder = "dist/tests";
const forbidSkips = process.env.OOM_GUARD_TEST_SKIPS === "forbid";

process.chdir(repository);
process.exitCode = await main(process.argv.slice(2));

async function main(filters: readonly string[]): Promise<number> {
  if (!existsSync(binary)) return refuse("dist/oom-guard is not there: npm run build");
  const all = [...new Bun.Glob("tests/**/*.test.ts").scanSync()];
  const lost = strays(all);
  if (lost.length > 0) return refuse(`no group of tests/runner/plan.ts runs ${lost.join(", ")}`);
  const files = plan(all, filters);
  if (files.length === 0) return refuse(`no test file is called like ${filters.join(" or ")}`);

  const running = new Set<Running>();
  const guests = new Guests(repository);
  let isLeaving = false;
  for (const [signal, code] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    process.on(signal, async () => {
      // The machines take a while to end, in which nothing may be started any more.
      isLeaving = true;
      await Promise.all([...running].map((file) => file.abort()));
      await guests.close();
      process.exit(code);
    });
  }

  const runOnce = async (file: PlannedFile, folder: string) => {
    if (isInMachine(file)) return guests.run(file, folder);
    // The tests of the command line are to test what is shipped, not its source.
    const started = runFile(file, folder, { OOM_GUARD_BIN: binary });
    running.add(started);
    const result = await started.result;
    running.delete(started);
    return result;
  };
  // In an emulated machine, and beside one, seconds may be missing at any moment.
  const isDisturbed = (file: PlannedFile) => isInMachine(file) || file.waits === true;
  const run = async (file: PlannedFile) => {
    const first = await runOnce(file, outputFolder);
    if (first.failures.length === 0 || !isDisturbed(file) || isLeaving) return first;
    return ofBoth(first, await runOnce(file, join(outputFolder, "again")));
  };

  const results: FileResult[] = [];
  const runAll = async (lane: readonly PlannedFile[]) => {
    for (const file of lane) {
      if (isLeaving) return;
      const result = await run(file);
      results.push(result);
      console.log(`${titleOf(file)}  ${fileLine(result)}`);
    }
  };
  const { alone, besideMachines, inMachines } = lanesOf(files);
  await runAll(alone);
  await Promise.all([runAll(besideMachines), runAll(inMachines)]);
  await guests.close();
  console.log();
  for (const lines of [leftoverLines, skipLines, unsteadyLines, failureLines].map((of) => of(results))) {
    for (const line of lines) console.log(line);
  }
  const totals = totalsOf(results, forbidSkips);
  console.log(closingLine(totals));
  return isGood(totals) ? 0 : 1;
}

function refuse(reason: string): number {
  console.log(reason);
  console.log("0 passed, 1 failed");
  return 1;
}
