import type { Config } from "./config.ts";
import type { FlagSettings } from "./schema.ts";
import { writeSize } from "./size.ts";

/** A smallest margin above the largest one, and the setting to blame for it. */
export interface MarginConflict {
  /** The rule that brought it about, by its position; null: the top level. */
  readonly rule: number | null;
  readonly key: "min_margin" | "max_margin";
  readonly message: string;
}

/**
 * Finds where the smallest margin exceeds the largest, at the top level and under each rule. It can be seen only
 * after merging: each of the two may come from the defaults, the file, a rule or a flag.
 * @param given which of the two the file's top level sets
 */
export function marginConflicts(
  config: Config,
  given: { readonly min: boolean; readonly max: boolean },
  flags: FlagSettings,
): MarginConflict[] {
  const conflicts: MarginConflict[] = [];
  const top = { min: config.minMarginBytes, max: config.maxMarginBytes };
  if (top.min > top.max) {
    const fromFlags = flags.min_margin !== undefined || flags.max_margin !== undefined;
    const blameMin = fromFlags ? flags.min_margin !== undefined : given.min;
    return [conflict(null, blameMin, top)];
  }
  for (const [index, { set }] of config.rules.entries()) {
    const own = { min: set.minMarginBytes ?? top.min, max: set.maxMarginBytes ?? top.max };
    if (own.min > own.max) conflicts.push(conflict(index, set.minMarginBytes !== undefined, own));
  }
  return conflicts;
}

function conflict(
  rule: number | null,
  blameMin: boolean,
  { min, max }: { min: number; max: number },
): MarginConflict {
  return blameMin
    ? { rule, key: "min_margin", message: `must not be above max_margin, which is ${writeSize(max)}` }
    : { rule, key: "max_margin", message: `must not be below min_margin, which is ${writeSize(min)}` };
}
