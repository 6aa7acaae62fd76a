import { isWithin } from "../proc/cgroup-path.ts";
import { padLeft, padRight, shortenMiddle, widthOf } from "./columns.ts";
import type { ExplainedProcess, ExplainedVictim, ExplainReport } from "./explain-report.ts";
import { renderSum } from "./explain-sum.ts";
import { subjectOf } from "./names.ts";
import { humanSize } from "./size.ts";
import { type Look, paint } from "./style.ts";
import { printable, printableAscii } from "./text.ts";

const TITLES = ["PID", "PROCESS", "RSS", "SWAP", "TABLES", "ADJ", "POINTS", ""] as const;
const COMM = 1;
const COMM_MAX = 20;
/** Room for the longest label of the verdicts. */
const LABEL = "oom-guard (container) would: ".length;
const INDENT = "  ";
const COMM_MIN = 6;
const GAP = "  ";

/** The ranking and the three verdicts as text; no line of the table is wider than `columns`. Ends with a newline. */
export function renderExplain(report: ExplainReport, look: Look): string {
  const rows = fitNames(
    report.processes.map((process) => cellsOf(process, report, look)),
    look,
  );
  const widths = widthsOf(rows);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 1 || i === 7 ? padRight(cell, widths[i]!) : padLeft(cell, widths[i]!)))
      .join(GAP)
      .trimEnd();
  return `${[
    paint(headline(report, look), "bold", look),
    ...asked(report, look),
    sizes(report),
    ...(report.held
      ? ["Held: tasks wait at the limit until oom-guard kills, the kernel kills nobody (memory.oom_control)."]
      : []),
    "",
    ...(rows.length === 0
      ? ["No process lives in it."]
      : [paint(line(TITLES), "dim", look), ...rows.map(line), "", ...sums(report, look)]),
    "",
    ...verdicts(report, look),
  ].join("\n")}\n`;
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return TITLES.map((title, i) => Math.max(widthOf(title), ...rows.map((cells) => widthOf(cells[i]!))));
}

/** The names give way where the table would be too wide. */
function fitNames(rows: readonly (readonly string[])[], look: Look): string[][] {
  const others = widthsOf(rows).reduce((sum, width, i) => (i === COMM ? sum : sum + width + GAP.length), 0);
  const room = Math.max(COMM_MIN, Math.min(COMM_MAX, look.columns - others));
  const ellipsis = look.unicode ? "…" : "...";
  return rows.map((cells) =>
    cells.map((cell, i) => (i === COMM ? shortenMiddle(cell, room, ellipsis) : cell)),
  );
}

function safe(text: string, look: Look): string {
  return look.unicode ? printable(text) : printableAscii(text);
}

function headline(report: ExplainReport, look: Look): string {
  return safe(subjectOf(report), look) + (report.namespace === null ? "" : safe(` (${report.cgroup})`, look));
}

function asked({ cgroup, askedCgroup }: ExplainReport, look: Look): string[] {
  if (askedCgroup === cgroup) return [];
  return [`(${safe(askedCgroup, look)} has no limit of its own; this is the nearest above it that has one)`];
}

function sizes({ usageBytes, limitBytes, thresholdBytes, reclaimableBytes, policy }: ExplainReport): string {
  return `${humanSize(usageBytes)} used of ${humanSize(limitBytes)}, ${humanSize(reclaimableBytes)} of it reclaimable; threshold ${humanSize(thresholdBytes)}, policy ${policy}`;
}

/** Whether it is in a cgroup that would be killed whole, or below it, and may be killed at all. */
function diesWhole({ cgroup, badness }: ExplainedProcess, whole: string | null): boolean {
  if (whole === null || badness === null) return false;
  return isWithin(cgroup, whole);
}

const diesBy = (process: ExplainedProcess, victim: ExplainedVictim | null, whole: string | null) =>
  victim?.pid === process.pid || diesWhole(process, whole);

function cellsOf(process: ExplainedProcess, report: ExplainReport, look: Look): string[] {
  const marks = [
    diesBy(process, report.kernelVictim, report.kernelKillsCgroup) ? "kernel" : null,
    diesBy(process, report.guardVictim, report.guardCgroup) ? "oom-guard" : null,
  ].filter((mark) => mark !== null);
  return [
    String(process.pid),
    safe(process.comm, look),
    humanSize(process.rssBytes),
    humanSize(process.swapBytes),
    humanSize(process.pageTableBytes),
    String(process.oomScoreAdj),
    process.badness === null ? "never" : String(process.badness),
    marks.length === 0 ? "" : `<- ${marks.join(", ")}`,
  ];
}

function verdicts(report: ExplainReport, look: Look): string[] {
  const { kernelVictim, kernelKillsCgroup, guardVictim, guardCgroup } = report;
  const whole = (cgroup: string, detail: string) => {
    const count = report.processes.filter((process) => diesWhole(process, cgroup)).length;
    return `every process of ${safe(cgroup, look)} (${count}, ${detail})`;
  };
  const kernel =
    kernelKillsCgroup === null
      ? who(kernelVictim, look)
      : whole(kernelKillsCgroup, `chosen ${who(kernelVictim, look)}; memory.oom.group is 1`);
  const guard =
    guardCgroup === null ? who(guardVictim, look) : whole(guardCgroup, `largest ${who(guardVictim, look)}`);
  const verdict = (label: string, victim: string, reason: string) => [
    `${label.padEnd(LABEL)}${victim}`,
    `${INDENT}${safe(reason, look)}`,
  ];
  return [
    ...verdict("This kernel would kill:", kernel, report.kernelReason),
    ...verdict("A 3.10 kernel would kill:", who(report.oldKernelVictim, look), report.oldKernelReason),
    ...verdict(`oom-guard (${report.policy}) would:`, guard, report.guardReason),
    `Now: ${safe(report.now, look)}`,
  ];
}

function sums(report: ExplainReport, look: Look): string[] {
  const { pageBytes, kernel } = report;
  const [titles, ...rows] = renderSum(report);
  return [
    `In pages of ${pageBytes} bytes; the most points die, oom_score_adj -1000 never does:`,
    ...(kernel.floorsAtOne ? ["On this kernel whatever is below 1 counts as 1."] : []),
    paint(titles!, "dim", look),
    ...rows,
  ];
}

function who(victim: ExplainedVictim | null, look: Look): string {
  return victim === null ? "nobody" : `${safe(victim.comm, look)} (pid ${victim.pid})`;
}
