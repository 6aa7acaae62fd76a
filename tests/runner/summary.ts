import type { Failure } from "./junit.ts";
import type { FileResult } from "./run-file.ts";

/** Figures of a whole run. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up; where skipping is forbidden a skipped test is a failed one. */
export function totalsOf(results: readonly FileResult[], forbidSkips: boolean): Totals {
  const sum = (of: (result: FileResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const skipped = sum((result) => result.skipped);
  const failed = sum((result) => result.failures.length);
  return {
    passed: sum((result) => result.passed),
    failed: forbidSkips ? failed + skipped : failed,
    skipped: forbidSkips ? 0 : skipped,
  };
}

/** The line that closes a run: "N passed, N failed", with ", N skipped" where there are any. */
export function closingLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** A run is good when nothing failed and something ran. */
export function isGood({ passed, failed }: Totals): boolean {
  return failed === 0 && passed > 0;
}

/** One file's line: counts and seconds. */
export function fileLine(result: FileResult): string {
  const counts = [
    `${result.passed} passed`,
    result.failures.length > 0 ? `${result.failures.length} FAILED` : null,
    result.unsteady.length > 0 ? `${result.unsteady.length} unsteady` : null,
    result.skipped > 0 ? `${result.skipped} skipped` : null,
  ].filter((part) => part !== null);
  return `${counts.join(", ")}, ${result.seconds.toFixed(1)} s`;
}

/** What was skipped and how to get what is missing: each reason once, with the number of tests it cost. */
export function skipLines(results: readonly FileResult[]): string[] {
  const testsByReason = new Map<string, number>();
  for (const { title, skipped, skipReasons } of results) {
    if (skipped === 0) continue;
    const reason = skipReasons.length > 0 ? skipReasons.join("; ") : `${title} gives no reason`;
    testsByReason.set(reason, (testsByReason.get(reason) ?? 0) + skipped);
  }
  return [...testsByReason].map(([reason, tests]) => `skipped ${tests}: ${reason}`);
}

const MESSAGE_LINES = 40;

/** Every failed test: where, which, and what was said. */
export function failureLines(results: readonly FileResult[]): string[] {
  return results.flatMap((result) => result.failures.flatMap((failure) => told("FAILED", result, failure)));
}

/** Every test that failed and then passed: not a failure, but somebody has to find out why. */
export function unsteadyLines(results: readonly FileResult[]): string[] {
  return results.flatMap((result) =>
    result.unsteady.flatMap((failure) => told("failed, passed when run again:", result, failure)),
  );
}

function told(what: string, { title, logFile }: FileResult, { name, message }: Failure): string[] {
  return [
    `${what} ${title}: ${name}`,
    ...message
      .split("\n")
      .slice(0, MESSAGE_LINES)
      .map((line) => `    ${line}`),
    `    (all it printed: ${logFile})`,
  ];
}

/** Processes that tests left running: not a failure of the product, but somebody has to mend the test. */
export function leftoverLines(results: readonly FileResult[]): string[] {
  return results
    .filter(({ leftovers }) => leftovers.length > 0)
    .map(({ title, leftovers }) => `left running by ${title}, killed: ${leftovers.join(", ")}`);
}
