import * as v from "valibot";
import type { FlagTexts } from "../config/schema.ts";
import { type SortKey, sortKeys } from "../report/scan-order.ts";
import { printable } from "../report/text.ts";
import { exitCode, UserError } from "./exit.ts";

/** One flag, as `--help` shows it. Without `value` it is a switch. */
export interface Flag {
  /** Without the leading dashes. */
  readonly name: string;
  /** What stands for its value in `--help`. */
  readonly value?: string;
  readonly repeatable?: true;
  readonly help: string;
}

/** Flags that replace a top-level key of the configuration. Their values stay text until the config's schema reads them. */
const settings: readonly (Flag & { readonly key: keyof FlagTexts })[] = [
  {
    name: "policy",
    value: "POLICY",
    key: "policy",
    help: "process, container or noop (noop also silences every [[rule]])",
  },
  {
    name: "margin-ratio",
    value: "RATIO",
    key: "margin_ratio",
    help: "share of the limit kept as margin, 0 to 1",
  },
  { name: "min-margin", value: "SIZE", key: "min_margin", help: "smallest margin, such as 1M" },
  { name: "max-margin", value: "SIZE", key: "max_margin", help: "largest margin, such as 50M" },
  {
    name: "cgroup-root",
    value: "GLOB",
    key: "cgroup_roots",
    repeatable: true,
    help: "where to look below the mount (repeatable)",
  },
  { name: "state-dir", value: "DIR", key: "state_dir", help: "where incidents are kept" },
  { name: "log-format", value: "FORMAT", key: "log_format", help: "auto, text, json or journal" },
  { name: "log-level", value: "LEVEL", key: "log_level", help: "error, warn, info or debug" },
];

const config: Flag = {
  name: "config",
  value: "FILE",
  help: "configuration file (default: /etc/oom-guard/config.toml, if present)",
};
const json: Flag = { name: "json", help: "print JSON" };
const root: Flag = { name: "root", value: "DIR", help: "work below DIR, for building images (default: /)" };
const stateDir = settings.filter(({ key }) => key === "state_dir");

/** The flags of each command. `--help` is on all of them. */
export const commandFlags = {
  run: [config, ...settings],
  scan: [
    config,
    ...settings,
    json,
    { name: "enforce", help: "apply the policy once to what is over its threshold" },
    { name: "watch", help: "redraw until interrupted" },
    { name: "sort", value: "BY", help: `${oneOf(sortKeys)} (default: closest to the edge first)` },
    { name: "top", value: "N", help: "at most N cgroups" },
    { name: "exit-code", help: "exit 3 if anything is at or over its threshold" },
  ],
  history: [config, ...stateDir, json, { name: "limit", value: "N", help: "at most N incidents" }],
  explain: [config, json],
  doctor: [config, ...settings, json],
  release: [config, ...stateDir],
  install: [root],
  uninstall: [root, { name: "purge", help: "also remove the configuration and the incidents" }],
  print: [],
  version: [json],
} as const satisfies Readonly<Record<string, readonly Flag[]>>;

/** What the command line asks for, checked except for the settings, which the config's schema checks. */
export interface CliOptions {
  /** `--config`; null: the default file. */
  readonly config: string | null;
  readonly json: boolean;
  readonly enforce: boolean;
  readonly watch: boolean;
  readonly exitCode: boolean;
  /** `--limit`; null: the command decides. */
  readonly limit: number | null;
  /** `--sort`; null: the command decides. */
  readonly sort: SortKey | null;
  /** `--top`; null: all. */
  readonly top: number | null;
  /** `--root`; null: the system that runs. */
  readonly root: string | null;
  readonly purge: boolean;
  /** The flags that replace keys of the configuration, as text. */
  readonly settings: FlagTexts;
}

const COUNT = "must be a whole number from 1 to 1000000";
const countSchema = v.pipe(
  v.string(),
  v.regex(/^\d{1,7}$/, COUNT),
  v.transform(Number),
  v.minValue(1, COUNT),
  v.maxValue(1_000_000, COUNT),
);

/**
 * The options of a command from what cac parsed: camel-case names, a list of texts for every flag with a value.
 * @throws UserError when a value is wrong
 */
export function readOptions(parsed: Readonly<Record<string, unknown>>): CliOptions {
  const texts = (name: string): string[] => {
    const value = parsed[camelCase(name)];
    return Array.isArray(value) ? value.map(String) : [];
  };
  const given = settings.flatMap(({ name, key, repeatable }) => {
    const [first, ...rest] = texts(name);
    return first === undefined ? [] : [[key, repeatable ? [first, ...rest] : first]];
  });
  return {
    config: texts("config")[0] ?? null,
    json: parsed.json === true,
    enforce: parsed.enforce === true,
    watch: parsed.watch === true,
    exitCode: parsed.exitCode === true,
    limit: readCount("limit", texts("limit")[0]),
    sort: readSort(texts("sort")[0]),
    top: readCount("top", texts("top")[0]),
    root: texts("root")[0] ?? null,
    purge: parsed.purge === true,
    settings: Object.fromEntries(given) as FlagTexts,
  };
}

function readCount(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const result = v.safeParse(countSchema, text);
  if (result.success) return result.output;
  throw new UserError(`--${name}=${printable(text, 60)}: ${COUNT}`, exitCode.usage);
}

function readSort(text: string | undefined): SortKey | null {
  const found = sortKeys.find((key) => key === text);
  if (text === undefined || found !== undefined) return found ?? null;
  throw new UserError(`--sort=${printable(text, 60)}: must be ${oneOf(sortKeys)}`, exitCode.usage);
}

function oneOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
