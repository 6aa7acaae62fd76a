import type { MachineFacts } from "../machine-facts.ts";
import type { Goal, TableResult } from "../result.ts";

/** A table that reads well as it is, and as Markdown. */
export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = headings.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
}

/** One table with what is to be said of it. */
export function markdownOf({ title, notes, headings, rows, goals }: TableResult): string {
  return [
    `## ${title}`,
    ...notes,
    markdownTable(headings, rows),
    ...(goals.length === 0 ? [] : [goalTable(goals)]),
  ].join("\n\n");
}

/** Which goals were reached. */
export function goalTable(goals: readonly Goal[]): string {
  const said = (reached: boolean | null) => (reached === null ? "-" : reached ? "yes" : "**no**");
  return markdownTable(
    ["goal", "asked", "measured", "reached"],
    goals.map(({ what, goal, measured, reached }) => [what, goal, measured, said(reached)]),
  );
}

/** One line: on what it was measured. */
export function machineLine(facts: MachineFacts): string {
  const gib = (facts.memoryBytes / 1024 ** 3).toFixed(1);
  return `oom-guard ${facts.version} (${facts.executable}) on ${facts.cpus} x ${facts.cpuModel}, ${gib}G, Linux ${facts.kernel}, load ${facts.load.toFixed(2)}, ${facts.time.slice(0, 16).replace("T", " ")} UTC`;
}
