import { padLeft, padRight, shortenMiddle, widthOf } from "./columns.ts";
import type { ExplainedProcess, ExplainedVictim, ExplainReport } from "./explain-report.ts";
import { subjectOf } from "./names.ts";
import { humanSize } from "./size.ts";
import { type Look, paint } from "./style.ts";
import { printable, printableAscii } from "./text.ts";

const TITLES = ["PID", "PROCESS", "RSS", "SWAP", "TABLES", "ADJ", "POINTS", ""] as const;
const COMM_MAX = 20;

/** The ranking and the three verdicts as text; no line of the table is wider than `columns`. Ends with a newline. */
export function renderExplain(report: ExplainReport, look: Look): string {
  const rows = report.processes.map((process) => cellsOf(process, report, look));
  const widths = TITLES.map((title, i) =>
    Math.max(widthOf(title), ...rows.map((cells) => widthOf(cells[i]!))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 1 || i === 7 ? padRight(cell, widths[i]!) : padLeft(cell, widths[i]!)))
      .join("  ")
      .trimEnd();
  return `${[
    paint(headline(report, look), "bold", look),
    sizes(report),
    "",
    ...(rows.length === 0
      ? ["No process lives in it."]
      : [paint(line(TITLES), "dim", look), ...rows.map(line)]),
    "",
    ...verdicts(report, look),
  ].join("\n")}\n`;
}

function safe(text: string, look: Look): string {
  return look.unicode ? printable(text) : printableAscii(text);
}

function headline(report: ExplainReport, look: Look): string {
  return (
    safe(`${report.kind} ${subjectOf(report)}`, look) +
    (report.namespace === null ? "" : safe(` (${report.cgroup})`, look))
  );
}

function sizes({ usageBytes, limitBytes, thresholdBytes, reclaimableBytes, policy }: ExplainReport): string {
  return `${humanSize(usageBytes)} used of ${humanSize(limitBytes)}, ${humanSize(reclaimableBytes)} of it reclaimable; threshold ${humanSize(thresholdBytes)}, policy ${policy}`;
}

function cellsOf(process: ExplainedProcess, report: ExplainReport, look: Look): string[] {
  const marks = [
    report.kernelVictim?.pid === process.pid ? "kernel" : null,
    report.guardVictim?.pid === process.pid || process.cgroup === report.guardCgroup ? "oom-guard" : null,
  ].filter((mark) => mark !== null);
  return [
    String(process.pid),
    shortenMiddle(safe(process.comm, look), COMM_MAX, look.unicode ? "…" : "..."),
    humanSize(process.rssBytes),
    humanSize(process.swapBytes),
    humanSize(process.pageTableBytes),
    String(process.oomScoreAdj),
    process.badness === null ? "never" : String(process.badness),
    marks.length === 0 ? "" : `<- ${marks.join(", ")}`,
  ];
}

function verdicts(report: ExplainReport, look: Look): string[] {
  const { totalPages, pageBytes, guardCgroup, guardVictim } = report;
  const inCgroup = report.processes.filter((process) => process.cgroup === guardCgroup).length;
  const guard =
    guardCgroup === null
      ? who(guardVictim, look)
      : `every process of ${safe(guardCgroup, look)} (${inCgroup}, largest ${who(guardVictim, look)})`;
  return [
    `Points = (RSS + swap + page tables) / ${pageBytes} + adj * ${Math.floor(totalPages / 1000)}; the most points die, -1000 never does.`,
    `This kernel would kill:       ${who(report.kernelVictim, look)}`,
    `A kernel before 5.9 would:    ${who(report.oldKernelVictim, look)}`,
    `oom-guard (${report.policy}) would: ${guard}`,
    `Now: ${safe(report.now, look)}`,
  ];
}

function who(victim: ExplainedVictim | null, look: Look): string {
  return victim === null ? "nobody" : `${safe(victim.comm, look)} (pid ${victim.pid})`;
}
