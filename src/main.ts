import { exitCode, UserError } from "./cli/exit.ts";
import { warn } from "./cli/output.ts";
import { runProgram } from "./cli/program.ts";

// No stack trace ever reaches a user, wherever an error comes from.
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// `oom-guard history | head`: the reader has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCode.ok);
  fail(error);
});

try {
  // Not left to the event loop: a thread that hangs, or waits for what never comes, would keep the process alive, and
  // nobody would start it anew. All that is written was waited for.
  process.exit(await runProgram(process.argv.slice(2)));
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  process.exit(complain(error));
}

/** Says in one line what went wrong. @returns the exit code */
function complain(error: unknown): number {
  const message = error instanceof Error && error.message !== "" ? error.message : String(error);
  warn(message);
  return error instanceof UserError ? error.exitCode : exitCode.failed;
}
