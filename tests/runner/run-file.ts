import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { signal } from "../support/processes.ts";
import { type Counts, type Failure, parseJunit } from "./junit.ts";
import { endLeftovers, killMarked, MARK } from "./leftovers.ts";
import { type PlannedFile, titleOf } from "./plan.ts";

/** What came of one test file. */
export interface FileResult {
  /** Which file, and where it ran. */
  readonly title: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** What failed in a first run only. */
  readonly unsteady: readonly Failure[];
  /** Why tests were skipped, each reason once. */
  readonly skipReasons: readonly string[];
  /** Processes it left running, killed by now. */
  readonly leftovers: readonly string[];
  readonly seconds: number;
  /** Everything it printed. */
  readonly logFile: string;
}

/** What is known of a file that was run. */
export interface Run {
  /** null: it left no report. */
  readonly counts: Counts | null;
  /** A failure that no single test stands for. */
  readonly ended?: string | null;
  readonly skipReasons?: readonly string[];
  readonly leftovers?: readonly string[];
  /** On the clock of `performance.now`. */
  readonly startedMs: number;
  readonly logFile: string;
}

/** Puts together what came of a file. One without a single test has failed. */
export function resultOf(file: PlannedFile, run: Run): FileResult {
  const { counts, ended = null, skipReasons = [], leftovers = [], startedMs, logFile } = run;
  const { passed, skipped, failures } = counts ?? { passed: 0, skipped: 0, failures: [] };
  const empty = ended === null && passed + skipped + failures.length === 0;
  const message = ended ?? (empty ? "no test was run" : null);
  return {
    title: titleOf(file),
    passed,
    skipped,
    failures:
      message === null
        ? failures
        : [...failures, { name: "the file as a whole", message: `${message}\n${tail(logFile)}` }],
    unsteady: [],
    skipReasons,
    leftovers,
    seconds: (performance.now() - startedMs) / 1000,
    logFile,
  };
}

/**
 * What counts of a file that was run a second time because it had failed. What the second run did not repeat is
 * unsteady, and told.
 */
export function ofBoth(first: FileResult, second: FileResult): FileResult {
  const again = new Set(second.failures.map(({ name }) => name));
  return {
    ...second,
    unsteady: first.failures.filter(({ name }) => !again.has(name)),
    leftovers: [...first.leftovers, ...second.leftovers],
    seconds: first.seconds + second.seconds,
    logFile: second.failures.length === 0 ? first.logFile : second.logFile,
  };
}

/** Where a file's log and report go: this, and an ending. */
export function outputBase({ path, machine }: PlannedFile, outputFolder: string): string {
  mkdirSync(outputFolder, { recursive: true });
  const name = path.replaceAll("/", "-").replace(/\.test\.ts$/, "");
  return join(outputFolder, `${name}${machine === undefined ? "" : `.${machine.name}`}`);
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
  const base = outputBase(file, outputFolder);
  const [logFile, report, skips] = [`${base}.log`, `${base}.xml`, `${base}.skips`];
  for (const old of [report, skips]) rmSync(old, { force: true });
  const mark = crypto.randomUUID();
  // What a test leaves in the folder for temporary files goes with the file.
  const scratch = mkdtempSync(join(tmpdir(), "ogt-"));
  const log = openSync(logFile, "w");
  const startedMs = performance.now();
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
    await hung;
    const leftovers = hung === null ? await endLeftovers(mark) : [];
    rmSync(scratch, { recursive: true, force: true });
    const counts = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : null;
    return resultOf(file, {
      counts,
      ended: howItEnded(file, hung !== null, exitCode, child.signalCode, counts?.failures.length ?? 0),
      skipReasons: existsSync(skips) ? [...new Set(readFileSync(skips, "utf8").trim().split("\n"))] : [],
      leftovers,
      startedMs,
      logFile,
    });
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
  if (!existsSync(file)) return "";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
