import { nearest } from "./nearest.ts";
import { type Problem, placeOf } from "./problem.ts";
import { knownKeys } from "./schema.ts";
import { isTable } from "./values.ts";

/**
 * Every key of the parsed file that no table knows. A typing error in a guard's configuration must not be a
 * setting silently lost, so each is a problem, and names the key that was probably meant. valibot's own strict
 * objects report the first one only, and overlook keys such as "constructor".
 */
export function unknownKeys(file: unknown): Problem[] {
  return tablesOf(file).flatMap(({ name, path, table }) => {
    const known = knownKeys.get(name) ?? [];
    const place = placeOf(file, path);
    return Object.entries(table).flatMap(([key, value], index) =>
      known.includes(key) ? [] : [unknownKey(name, [...path, key], value, [...place, index])],
    );
  });
}

function unknownKey(table: string, path: (string | number)[], value: unknown, order: number[]): Problem {
  return {
    path,
    value,
    order,
    // Only the first problem is told, and comparing ten thousand keys with all we know takes a second.
    get message() {
      return proposal(table, String(path.at(-1)));
    },
  };
}

interface FoundTable {
  readonly name: string;
  readonly path: readonly (string | number)[];
  readonly table: Record<string, unknown>;
}

function tablesOf(file: unknown): FoundTable[] {
  if (!isTable(file)) return [];
  const found: FoundTable[] = [{ name: "", path: [], table: file }];
  for (const name of knownKeys.keys()) {
    const value = name === "" ? undefined : file[name];
    if (isTable(value)) found.push({ name, path: [name], table: value });
    if (!Array.isArray(value)) continue;
    for (const [index, table] of value.entries()) {
      if (isTable(table)) found.push({ name, path: [name, index], table });
    }
  }
  return found;
}

/** A key of the same table, unless another table has the very key: then it was written under the wrong header. */
function proposal(tableName: string, key: string): string {
  const home = [...knownKeys].find(([, keys]) => keys.includes(key))?.[0];
  if (home === undefined) {
    return `unknown key, did you mean ${nearest(key, knownKeys.get(tableName) ?? [])}?`;
  }
  if (home === "") return `unknown key here, did you mean the ${key} that stands above the first [table]?`;
  return `unknown key here, did you mean ${key} under ${home === "rule" ? "[[rule]]" : `[${home}]`}?`;
}
