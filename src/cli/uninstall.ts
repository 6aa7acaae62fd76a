import { existsSync } from "node:fs";
import { UNIT_PATH } from "../install/files.ts";
import { ask, isBooted, refresh } from "../install/systemd.ts";
import { troubleWith } from "../install/trouble.ts";
import {
  keptForUser,
  purge,
  type RemovalStep,
  removeProgram,
  stateDirectories,
} from "../install/uninstall.ts";
import { type LockResult, lockStateDir } from "../record/lock.ts";
import { printable } from "../report/text.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { installRoot } from "./install-root.ts";
import { warn, writeOut } from "./output.ts";

/** `oom-guard uninstall`: stops the guard and takes away what `install` put in place. */
export const uninstall: Handler = async ({ root: given, purge: everything }) => {
  const root = installRoot("uninstall", given);
  const isOwn = root === "/";
  const live = isOwn && isBooted();
  if (live) stopUnit();
  // Before the configuration is gone that says it.
  const { directories, problem } = stateDirectories(root);
  if (problem !== null && everything) warn(`only the default state_dir is looked at: ${problem}`);
  if (everything && isOwn) directories.forEach(refuseWhileGuarding);

  let removed = await tell(removeProgram(root));
  if (everything) removed += await tell(purge(root, directories));
  else await tell(keptForUser(root, directories));
  if (removed === 0) await writeOut("nothing to uninstall\n");
  else if (live) refresh().forEach(warn);
  return exitCode.ok;
};

/** @returns how many were removed */
async function tell(steps: Iterable<RemovalStep>): Promise<number> {
  let removed = 0;
  for (const { path, result } of steps) {
    if (result === "removed") removed++;
    const [verb, why] = result === "removed" ? [result, ""] : ["kept", ` (${printable(result.kept)})`];
    await writeOut(`${verb.padEnd(7)}  ${printable(path)}${why}\n`);
  }
  return removed;
}

/** Two commands, because systemctl learned `disable --now` in systemd 220. @throws UserError when it does not stop */
function stopUnit(): void {
  const isActive = ask("systemctl", "is-active", "--quiet", "oom-guard").exitCode === 0;
  if (!isActive && !existsSync(UNIT_PATH)) return;
  const stopped = ask("systemctl", "stop", "oom-guard");
  if (stopped.exitCode !== 0) {
    throw new UserError(
      `nothing was removed, because the guard could not be stopped: systemctl stop oom-guard: ${stopped.complaint}`,
      exitCode.failed,
    );
  }
  const disabled = ask("systemctl", "disable", "oom-guard");
  if (disabled.exitCode !== 0) warn(`systemctl disable oom-guard: ${disabled.complaint}`);
}

/** A guard that somebody started by hand would go on writing into files that are gone. @throws UserError */
function refuseWhileGuarding(stateDir: string): void {
  const path = `${stateDir}/lock`;
  if (!existsSync(path)) return;
  const lock = takeLock(stateDir, path);
  if (lock.held) {
    lock.release();
    return;
  }
  throw new UserError(
    `nothing was removed, because another oom-guard (${printable(lock.holder, 100)}) uses ${printable(stateDir)}: stop it first`,
    exitCode.failed,
  );
}

/** @throws UserError where it cannot be tried: nothing in there could be removed either */
function takeLock(stateDir: string, path: string): LockResult {
  try {
    return lockStateDir(stateDir);
  } catch (error) {
    throw new UserError(`nothing was removed: ${troubleWith(path, error)}`, exitCode.failed, {
      cause: error,
    });
  }
}
