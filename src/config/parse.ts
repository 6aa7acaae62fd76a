import * as v from "valibot";
import { printable } from "../report/text.ts";
import type { Config } from "./config.ts";
import { marginConflicts } from "./margin-order.ts";
import { mergeConfig } from "./merge.ts";
import type { Parsed } from "./parsed.ts";
import { describeProblem, inFileOrder, type Problem, placeOf, withoutFollowing } from "./problem.ts";
import { type FlagTexts, fileSchema, flagSchema } from "./schema.ts";
import { parseToml } from "./toml.ts";
import { unknownKeys } from "./unknown-keys.ts";

/**
 * The text of a configuration file and the command line's settings, made one configuration. Pure.
 * A message is one printable line: the first problem in file order, and how many more there are.
 * @param name how messages call the file
 */
export function parseConfig(text: string, name: string, flags: FlagTexts = {}): Parsed<Config> {
  const flagResult = v.safeParse(flagSchema, flags);
  if (!flagResult.success) {
    return refused(
      flagResult.issues.map((issue) => problemOf(flags, issue)),
      describeFlag,
    );
  }

  const file = `config ${printable(name)}`;
  const toml = parseToml(text);
  if (!toml.ok) return { ok: false, message: `${file}: ${toml.message}` };
  const describe = (problem: Omit<Problem, "order">) => `${file}: ${describeProblem(problem)}`;

  const fileResult = v.safeParse(fileSchema, toml.value);
  const issues = fileResult.issues?.map((issue) => problemOf(toml.value, issue)) ?? [];
  const problems = inFileOrder(withoutFollowing([...issues, ...unknownKeys(toml.value)]));
  if (!fileResult.success || problems.length > 0) return refused(problems, describe);

  const settings = fileResult.output;
  const config = mergeConfig(settings, flagResult.output);
  const given = { min: settings.min_margin !== undefined, max: settings.max_margin !== undefined };
  const conflicts = marginConflicts(config, given, flagResult.output);
  if (conflicts.length === 0) return { ok: true, value: config };
  return refused(conflicts, ({ rule, key, message }) => {
    const flag = rule === null ? flags[key] : undefined;
    if (flag !== undefined) return describeFlag({ path: [key], value: flag, message });
    const path = rule === null ? [key] : ["rule", rule, key];
    return describe({ path, value: valueAt(toml.value, path), message });
  });
}

function refused<T>(problems: readonly T[], describe: (problem: T) => string): Parsed<never> {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return { ok: false, message: first === undefined ? "config: not valid" : `${describe(first)}${more}` };
}

function problemOf(root: unknown, issue: v.BaseIssue<unknown>): Problem {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
  return { path, value: valueAt(root, path), message: issue.message, order: placeOf(root, path) };
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  return value;
}

/** `--margin-ratio=2: must be …`. The one list a flag fills is spelled in the singular. */
function describeFlag({ path, value, message }: Omit<Problem, "order">): string {
  const name = String(path[0]).replace("roots", "root").replaceAll("_", "-");
  return `--${name}=${printable(String(value), 60)}: ${message}`;
}
