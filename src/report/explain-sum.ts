import { sumOf } from "../decide/badness.ts";
import { padLeft, widthOf } from "./columns.ts";
import type { ExplainedProcess, ExplainReport } from "./explain-report.ts";

const GAP = "  ";

/**
 * The kernel's sum for each process, term by term, in pages: a title line and one for each process, in the order of the
 * report. The bonus of CAP_SYS_ADMIN has a column where this kernel has one.
 */
export function renderSum({ processes, totalPages, kernel }: ExplainReport): string[] {
  const hasBonus = kernel.adminBonus !== "none";
  const rows = [
    [
      ...["PID", "RSS", "+ SWAP", "+ TABLES", `+ ADJ * ${Math.floor(totalPages / 1000)}`],
      ...(hasBonus ? ["+ ROOT"] : []),
      "= POINTS",
    ],
    ...processes.map((process) => {
      const { pid, terms } = process;
      return [
        ...[pid, terms.rssPages, terms.swapPages, terms.pageTablePages, terms.adjPages],
        ...(hasBonus ? [terms.adminBonusPages] : []),
        pointsOf(process),
      ].map(String);
    }),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => widthOf(cells[i]!))));
  return rows.map((cells) => cells.map((cell, i) => padLeft(cell, widths[i]!)).join(GAP));
}

function pointsOf({ badness, terms }: ExplainedProcess): string {
  if (badness === null) return "never";
  const sum = sumOf(terms);
  return sum === badness ? String(badness) : `${sum}, so ${badness}`;
}
