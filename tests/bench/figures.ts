/** What is said of a series of measurements. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The spread of a series; null for an empty one. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  if (min === undefined) return null;
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min, median, max: sorted.at(-1)! };
}

/** "min / median / max", or a dash where nothing was measured. */
export function spreadText(values: readonly number[], digits: number): string {
  const spread = spreadOf(values);
  if (spread === null) return "-";
  return [spread.min, spread.median, spread.max].map((value) => value.toFixed(digits)).join(" / ");
}

/** Rows under headings, columns two blanks apart. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
