import { printable } from "../report/text.ts";
import { isTable } from "./values.ts";

/** One thing that is wrong with a setting. */
export interface Problem {
  /** Where in the file: keys, and the positions of items in lists. */
  readonly path: readonly (string | number)[];
  /** What stands there; undefined when the value is beside the point. */
  readonly value: unknown;
  /** What is allowed, as the end of a sentence. */
  readonly message: string;
  /** Position in the file: the place of each key of the path in its table. */
  readonly order: readonly number[];
}

/** As much of a value as a message shows. */
const VALUE_LENGTH = 60;

/** The problem as a piece of one line, safe to print: `margin_ratio = 1: must be a number above 0 and below 1`. */
export function describeProblem(problem: Omit<Problem, "order">): string {
  return `${keyText(problem.path)} = ${valueText(problem.value)}: ${problem.message}`;
}

/** Those that come first in the file come first. */
export function inFileOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => {
    const at = a.order.findIndex((place, index) => place !== b.order[index]);
    return at === -1 ? a.order.length - b.order.length : (a.order[at] ?? 0) - (b.order[at] ?? -1);
  });
}

/** Without those that only follow from a problem further inside: a rule with a misspelled key sets nothing. */
export function withoutFollowing(problems: readonly Problem[]): Problem[] {
  const around = new Set<string>();
  for (const { path } of problems) {
    for (let length = 0; length < path.length; length++) around.add(JSON.stringify(path.slice(0, length)));
  }
  return problems.filter(({ path }) => !around.has(JSON.stringify(path)));
}

/** Where a path lies in the parsed file, for `Problem.order`. */
export function placeOf(root: unknown, path: readonly (string | number)[]): number[] {
  const places: number[] = [];
  let value = root;
  for (const key of path) {
    places.push(typeof key === "number" ? key : isTable(value) ? Object.keys(value).indexOf(key) : 0);
    value =
      isTable(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[key] : undefined;
  }
  return places;
}

/** `reclaim.cooldown`, `cgroup_roots #2`, `[[rule]] #1 policy`: items counted from 1, as people do. */
function keyText(path: readonly (string | number)[]): string {
  if (path[0] === "rule" && typeof path[1] === "number") {
    const rest = path.slice(2);
    return `[[rule]] #${path[1] + 1}${rest.length > 0 ? ` ${keyText(rest)}` : ""}`;
  }
  return path
    .map((key, index) =>
      typeof key === "number" ? ` #${key + 1}` : `${index > 0 ? "." : ""}${bareOrQuoted(key)}`,
    )
    .join("");
}

function bareOrQuoted(key: string): string {
  const text = printable(key, VALUE_LENGTH);
  return /^[A-Za-z0-9_-]+$/.test(key) ? text : `"${text}"`;
}

/** A value as it stands in a TOML file, cut. Only scalars are written out inside tables and lists. */
function valueText(value: unknown): string {
  if (typeof value === "string") return `"${printable(value, VALUE_LENGTH)}"`;
  if (Array.isArray(value)) return cut(`[${value.slice(0, VALUE_LENGTH).map(scalarText).join(", ")}]`);
  if (isTable(value)) {
    const pairs = Object.entries(value).slice(0, VALUE_LENGTH);
    return cut(`{ ${pairs.map(([key, item]) => `${key} = ${scalarText(item)}`).join(", ")} }`);
  }
  return cut(scalarText(value));
}

function scalarText(value: unknown): string {
  if (typeof value === "string") return `"${value.slice(0, VALUE_LENGTH)}"`;
  if (Array.isArray(value)) return "[…]";
  if (isTable(value)) return "{…}";
  return String(value);
}

function cut(text: string): string {
  return printable(text, VALUE_LENGTH);
}
