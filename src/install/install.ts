import { closeSync, openSync } from "node:fs";
import { type InstalledFile, installedFiles, STATE_DIR } from "./files.ts";
import { makePrivateDirectory } from "./make-directory.ts";
import { type Placed, placeFile } from "./place-file.ts";
import { pathInRoot } from "./root-path.ts";
import { troubleWith } from "./trouble.ts";

/** What became of one file; `path` is the real one. */
export interface InstallStep {
  readonly path: string;
  /** A text that is not one of `Placed`: why something optional is not there. */
  readonly result: Placed | { readonly missing: string };
}

/** A file that has to be there and could not be placed: one line with the path and what helps. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/**
 * Places every file and the state directory, and yields after each, so that what was done is said even if the next one fails.
 * @param root "/" or what is to become one
 * @param executable path of the program to install
 * @throws InstallError
 */
export function* install(root: string, executable: string): Generator<InstallStep> {
  // Opened once: while it is copied, its name may already be that of another file.
  const source = openSync(executable, "r");
  try {
    for (const file of installedFiles) yield placeOne(root, file, source);
    yield makeStateDirectory(root);
  } finally {
    closeSync(source);
  }
}

function placeOne(root: string, file: InstalledFile, source: number): InstallStep {
  const { mode, text, belongsToUser, optional } = file;
  let path = file.path;
  try {
    path = pathInRoot(root, file.path);
    return { path, result: placeFile(path, { mode, content: text ?? source, belongsToUser }) };
  } catch (error) {
    const trouble = troubleWith(path, error);
    if (optional) return { path, result: { missing: trouble } };
    throw new InstallError(trouble, { cause: error });
  }
}

function makeStateDirectory(root: string): InstallStep {
  let path = STATE_DIR;
  try {
    path = pathInRoot(root, STATE_DIR);
    return { path, result: makePrivateDirectory(path) };
  } catch (error) {
    return { path, result: { missing: troubleWith(path, error) } };
  }
}
