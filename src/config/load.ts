import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { printable } from "../report/text.ts";
import type { Config } from "./config.ts";
import { parseConfig } from "./parse.ts";
import type { Parsed } from "./parsed.ts";
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
  const read = readText(file);
  const absent = read === "absent";
  if (absent && path !== null) return { ok: false, message: `config ${printable(file)}: does not exist` };
  if (!absent && !read.ok) return { ok: false, message: `config ${printable(file)}: ${read.message}` };
  const parsed = parseConfig(absent ? "" : read.value, file, flags);
  if (!parsed.ok) return parsed;
  return { ok: true, config: parsed.value, source: absent ? null : file };
}

function readText(path: string): Parsed<string> | "absent" {
  try {
    // Looked at before it is opened: opening a FIFO waits for a writer, opening a device may do anything.
    const refusal = refuse(statSync(path));
    return refusal === null ? readRegularFile(path) : { ok: false, message: refusal };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "absent";
    return { ok: false, message: `cannot be read: ${reasons[code ?? ""] ?? code ?? "unknown error"}` };
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EIO: "input/output error",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "not permitted",
};

function refuse(stats: Stats): string | null {
  if (stats.isDirectory()) return "is a directory, must be a file";
  if (!stats.isFile()) return "must be a regular file, not a pipe, socket or device";
  return stats.size > LARGEST_BYTES ? tooLarge(`${stats.size} bytes long`) : null;
}

function tooLarge(size: string): string {
  return `is ${size}, must be at most 256K`;
}

/** Looks again at what was opened, and never reads more than the largest size and one byte: files change. */
function readRegularFile(path: string): Parsed<string> {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const refusal = refuse(fstatSync(descriptor));
    return refusal === null ? decode(readBytes(descriptor)) : { ok: false, message: refusal };
  } finally {
    closeSync(descriptor);
  }
}

function readBytes(descriptor: number): Uint8Array {
  const buffer = new Uint8Array(LARGEST_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

function decode(bytes: Uint8Array): Parsed<string> {
  if (bytes.length > LARGEST_BYTES) return { ok: false, message: tooLarge("longer than it said") };
  try {
    return { ok: true, value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, message: "not valid TOML: must be UTF-8 text" };
  }
}
