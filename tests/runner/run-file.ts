import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { signal } from "../support/processes.ts";
import { type Failure, parseJunit } from "./junit.ts";
import { endLeftovers, killMarked, MARK } from "./leftovers.ts";
import type { PlannedFile } from "./plan.ts";

/** What came of one test file. */
export interface FileResult {
  readonly path: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** Why tests were skipped, each reason once. */
  readonly skipReasons: readonly string[];
  /** Processes it left running, killed by now. */
  readonly leftovers: readonly string[];
  readonly seconds: number;
  /** Everything it printed. */
  readonly logFile: string;
}

/** A test file that runs. */
export interface Running {
  readonly result: Promise<FileResult>;
  /** Ends it and everything it started. */
  abort(): Promise<void>;
}

/**
 * Starts `bun test` on one file, in a process group of its own. What it prints goes to a file, not through a pipe: a
 * stray child that holds a pipe open would keep us waiting for its end.
 * @param outputFolder where its log and report are put
 */
export function runFile(file: PlannedFile, outputFolder: string, env: Record<string, string> = {}): Running {
  mkdirSync(outputFolder, { recursive: true });
  const base = join(outputFolder, file.path.replaceAll("/", "-").replace(/\.test\.ts$/, ""));
  const [logFile, report, skips] = [`${base}.log`, `${base}.xml`, `${base}.skips`];
  for (const old of [report, skips]) rmSync(old, { force: true });
  const mark = crypto.randomUUID();
  // What a test leaves in the folder for temporary files goes with the file.
  const scratch = mkdtempSync(join(tmpdir(), "ogt-"));
  const log = openSync(logFile, "w");
  const started = performance.now();
  const child = Bun.spawn(
    [process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`, resolve(file.path)],
    {
      stdio: ["ignore", log, log],
      detached: true,
      env: { ...process.env, ...env, TMPDIR: scratch, [MARK]: mark, OOM_GUARD_TEST_SKIPS_LOG: skips },
    },
  );
  closeSync(log);
  let hung: Promise<void> | null = null;
  const killAll = async () => {
    // The whole group: the test runner and what its tests started.
    signal(-child.pid, "SIGKILL");
    await killMarked(mark);
  };
  const timer = setTimeout(() => {
    hung = killAll();
  }, file.limitMs);

  const finish = async (): Promise<FileResult> => {
    const exitCode = await child.exited;
    clearTimeout(timer);
    const seconds = (performance.now() - started) / 1000;
    await hung;
    const leftovers = hung === null ? await endLeftovers(mark) : [];
    rmSync(scratch, { recursive: true, force: true });
    const counts = (existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : null) ?? {
      passed: 0,
      skipped: 0,
      failures: [],
    };
    const ended = howItEnded(file, hung !== null, exitCode, child.signalCode, counts.failures.length);
    const empty = ended === null && counts.passed + counts.skipped + counts.failures.length === 0;
    const message = ended ?? (empty ? "no test was run" : null);
    return {
      path: file.path,
      passed: counts.passed,
      skipped: counts.skipped,
      failures:
        message === null
          ? counts.failures
          : [...counts.failures, { name: "the file as a whole", message: `${message}\n${tail(logFile)}` }],
      skipReasons: existsSync(skips) ? [...new Set(readFileSync(skips, "utf8").trim().split("\n"))] : [],
      leftovers,
      seconds,
      logFile,
    };
  };
  return { result: finish(), abort: killAll };
}

/** A failure that no single test stands for; null when there is none. */
function howItEnded(
  file: PlannedFile,
  hung: boolean,
  exitCode: number,
  signalCode: string | number | null,
  failures: number,
): string | null {
  if (hung) return `not over after ${file.limitMs / 1000} s: killed`;
  if (signalCode !== null) return `ended by ${signalCode}`;
  if (exitCode !== 0 && failures === 0) return `exit code ${exitCode} without a failed test`;
  return null;
}

const TAIL_LINES = 30;

function tail(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
