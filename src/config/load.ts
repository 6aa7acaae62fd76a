import { printable } from "../report/text.ts";
import type { Config } from "./config.ts";
import { parseConfig } from "./parse.ts";
import { readSmallFile } from "./read-file.ts";
import type { FlagTexts } from "./schema.ts";

/** Read when no `--config` is given, and only if it is there. */
export const defaultConfigPath = "/etc/oom-guard/config.toml";

/** A configuration of more than a few kilobytes is a mistake, and must not cost the guard memory. */
const LARGEST_BYTES = 256 * 1024;

/** Where to read from, and what the command line says. */
export interface ConfigRequest {
  /** The file asked for with `--config`; it must exist. Null: the default file, if there is one. */
  readonly path: string | null;
  readonly flags?: FlagTexts;
  /** For tests: the default file's place. */
  readonly defaultPath?: string;
}

/** `source` is the file that was read; null means that there was none. A message is one printable line. */
export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly source: string | null }
  | { readonly ok: false; readonly message: string };

/** Reads and checks the whole configuration, at start and again at SIGHUP. Flags beat the file, the file beats defaults. */
export function loadConfig({ path, flags = {}, defaultPath = defaultConfigPath }: ConfigRequest): LoadResult {
  const file = path ?? defaultPath;
  const read = readSmallFile(file, LARGEST_BYTES);
  const absent = read === "absent";
  if (absent && path !== null) return { ok: false, message: `config ${printable(file)}: does not exist` };
  if (!absent && !read.ok) return { ok: false, message: `config ${printable(file)}: ${read.message}` };
  const parsed = parseConfig(absent ? "" : read.value, file, flags);
  if (!parsed.ok) return parsed;
  return { ok: true, config: parsed.value, source: absent ? null : file };
}
