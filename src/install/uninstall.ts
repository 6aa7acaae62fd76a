import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { defaults } from "../config/defaults.ts";
import { loadConfig } from "../config/load.ts";
import { VOLATILE_DIR } from "../record/black-box.ts";
import { CONFIG_PATH, ENABLED_LINK, installedFiles, UNIT_PATH } from "./files.ts";
import { InstallError } from "./install.ts";
import { isMasked } from "./place-file.ts";
import { emptyDirectory, removeFile } from "./remove.ts";
import { pathInRoot } from "./root-path.ts";
import { troubleWith } from "./trouble.ts";

/** What became of a file or directory that was there; `path` is the real one. */
export interface RemovalStep {
  readonly path: string;
  readonly result: "removed" | { readonly kept: string };
}

/**
 * Removes the program: everything that `install` places except what belongs to the user, in the opposite order, so
 * that after a failure the executable is still there to try again.
 * @throws InstallError
 */
export function* removeProgram(root: string): Generator<RemovalStep> {
  const ours = installedFiles.filter(({ belongsToUser }) => !belongsToUser).toReversed();
  for (const { path, optional } of [{ path: ENABLED_LINK, optional: false }, ...ours]) {
    const step = attempt(
      root,
      path,
      (real) => (isMasked(real) ? { kept: "masked" } : removeFile(real) ? "removed" : null),
      optional,
    );
    if (step !== null) yield step;
  }
}

/** What stays after `removeProgram`, of what is there. */
export function* keptForUser(root: string, stateDirs: readonly string[]): Generator<RemovalStep> {
  const places = [
    [dirname(CONFIG_PATH), "configuration; --purge removes it"],
    ...stateDirs.map((path) => [path, "incidents; --purge removes them"]),
    [`${UNIT_PATH}.d`, "your changes of the unit"],
  ] as const;
  for (const [path = "", kept = ""] of places) {
    const real = pathInRoot(root, path);
    if (existsSync(real)) yield { path: real, result: { kept } };
  }
}

/** Removes the configuration and the incidents, and of their directories what is empty then. @throws InstallError */
export function* purge(root: string, stateDirs: readonly string[]): Generator<RemovalStep> {
  const places: [string, (name: string) => boolean][] = [
    [dirname(CONFIG_PATH), (name) => name === "config.toml"],
    ...stateDirs.map((path): [string, (name: string) => boolean] => [path, isStateFile]),
    [VOLATILE_DIR, (name) => /^(black-box|kernel-log|held)-/.test(name)],
  ];
  for (const [path, isOurs] of places) {
    const step = attempt(root, path, (real) => {
      const emptied = emptyDirectory(real, isOurs);
      if (emptied === "absent") return null;
      return emptied === "removed" ? "removed" : { kept: "holds what is not oom-guard's" };
    });
    if (step !== null) yield step;
  }
}

/** Everything that `record/` writes into the state directory. */
function isStateFile(name: string): boolean {
  return (
    ["lock", "black-box", "kernel-log", "held"].includes(name) ||
    /^incidents\.db(-wal|-shm|\.corrupt-.*)?$/.test(name)
  );
}

/** The state directories there may be: the default one, and the configured one if the configuration can be read. */
export function stateDirectories(root: string): { directories: string[]; problem: string | null } {
  const loaded = loadConfig({ path: null, defaultPath: pathInRoot(root, CONFIG_PATH) });
  if (!loaded.ok) return { directories: [defaults.stateDir], problem: loaded.message };
  return { directories: [...new Set([defaults.stateDir, loaded.config.stateDir])], problem: null };
}

function attempt(
  root: string,
  path: string,
  act: (real: string) => RemovalStep["result"] | null,
  optional = false,
): RemovalStep | null {
  let real = path;
  try {
    real = pathInRoot(root, path);
    const result = act(real);
    return result === null ? null : { path: real, result };
  } catch (error) {
    const trouble = troubleWith(real, error);
    if (optional) return { path: real, result: { kept: trouble } };
    throw new InstallError(trouble, { cause: error });
  }
}
