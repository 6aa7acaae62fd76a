import type { Qos } from "../discover/identity.ts";
import { bar, legend } from "./bar.ts";
import { padLeft, padRight, shortenEnd, shortenMiddle, widest, widthOf, wrap } from "./columns.ts";
import { inReadingOrder, type PlacedRow, type SortKey } from "./scan-order.ts";
import type { ScanReport, ScanRow, ScanState, ScanVictim } from "./scan-report.ts";
import { humanSize } from "./size.ts";
import { ellipsis, type Look, type Paint, paint, safe, withRoom } from "./style.ts";

/** How the table may look, and what it may say when it is empty. */
export interface ScanTableOptions extends Look {
  /** The globs that were looked at (`cgroup_roots`), for the answer when nothing was found. */
  readonly roots?: readonly string[];
  /** How many cgroups were found there that have no limit. */
  readonly unlimited?: number;
  /** Null: closest to the edge first. */
  readonly sort?: SortKey | null;
  /** How many rows at most; null: all. */
  readonly top?: number | null;
}

const BAR = { min: 12, max: 48 } as const;
const NAME_MIN = 12;
const VICTIM_MIN = 12;
const STATE_COLOR: Record<ScanState, Paint | null> = { over: "red", near: "yellow", ok: null };

/** Wide enough for columns that one can do without. */
const WIDE = 120;
const QOS_SIGN: Record<Qos, string> = { Guaranteed: "G", Burstable: "B", BestEffort: "BE" };

/** A narrow column between the bar and the state. */
interface Column {
  readonly title: string;
  text(row: ScanRow): string;
}

interface Line {
  readonly row: ScanRow;
  readonly name: string;
  /** One for each column. */
  readonly cells: readonly string[];
  readonly victim: string;
  /** Whom the kernel would take, when it is not the one the guard would. */
  readonly kernel: string | null;
}

interface Widths {
  readonly name: number;
  /** 0: no bar. */
  readonly bar: number;
  readonly cells: readonly number[];
  readonly state: number;
  /** 0: no victims. */
  readonly victim: number;
}

/**
 * The report as a table for people: the node, a line per limited cgroup with the closest to the edge first, or as
 * sorted, and a summary. No line is wider than `columns`. Every line ends with a newline.
 */
export function renderScan(report: ScanReport, options: ScanTableOptions): string {
  const look = withRoom(options);
  const lines =
    report.cgroups.length === 0
      ? nothingFound(report, options, look)
      : tableLines(report.cgroups, options, look);
  return `${[nodeLine(report, look), "", ...lines].join("\n")}\n`;
}

function tableLines(rows: readonly ScanRow[], options: ScanTableOptions, look: Look): string[] {
  const { sort = null, top = null } = options;
  const columns = columnsFor(rows, sort, look);
  const shown = inReadingOrder(rows, sort).slice(0, top ?? rows.length);
  const lines = shown.map((placed) => describe(placed, columns, look));
  const widths = layOut(lines, columns, look);
  const head = paint(headLine(columns, widths).trimEnd(), "dim", look);
  const body = lines.flatMap((line) => rowLines(line, widths, look));
  return [
    head,
    ...body,
    "",
    ...(widths.bar > 0 ? [paint(legend(look), "dim", look)] : []),
    summary(rows, shown.length, look),
  ];
}

/** What is told of each row: more on a wide terminal, and nothing that is known of no row. */
function columnsFor(rows: readonly ScanRow[], sort: SortKey | null, look: Look): Column[] {
  const column = (title: string, text: Column["text"], shown = true) => (shown ? [{ title, text }] : []);
  const wide = look.columns >= WIDE;
  const anyQos = rows.some(({ qos }) => qos !== null);
  const anyRequest = rows.some(({ requestBytes }) => requestBytes !== null);
  const sizeOf = (bytes: number | null) => (bytes === null ? "-" : humanSize(bytes));
  return [
    ...column("QOS", ({ qos }) => (qos === null ? "-" : QOS_SIGN[qos]), wide && anyQos),
    ...column("USED", ({ usageBytes }) => humanSize(usageBytes)),
    ...column("CACHE", ({ reclaimableBytes }) => humanSize(reclaimableBytes), wide),
    ...column("REQUEST", ({ requestBytes }) => sizeOf(requestBytes), wide && anyRequest),
    ...column("LIMIT", ({ limitBytes }) => humanSize(limitBytes)),
    ...column("LEFT", ({ headroomBytes }) => humanSize(headroomBytes)),
    ...column("OVER", ({ overcommitBytes }) => sizeOf(overcommitBytes), sort === "overcommit"),
    ...column("WASTE", ({ wasteBytes }) => sizeOf(wasteBytes), sort === "waste"),
  ];
}

function describe({ row, parent }: PlacedRow, columns: readonly Column[], look: Look): Line {
  const { guardVictim: guard, kernelVictim: kernel } = row;
  return {
    row,
    name: parent === null ? fullName(row, look) : `  ${nameInside(row, parent, look)}`,
    cells: columns.map(({ text }) => text(row)),
    victim: guard === null ? "-" : victimName(guard, look),
    kernel: kernel !== null && kernel.pid !== guard?.pid ? `kernel: ${victimName(kernel, look)}` : null,
  };
}

function fullName(row: ScanRow, look: Look): string {
  const names = [row.namespace, row.pod, row.kind === "sandbox" ? "(sandbox)" : row.container];
  if (row.kind === "pod") names.pop();
  const known = names.every((name) => name !== null) ? names : [row.container];
  return safe(known.every((name) => name !== null) ? known.join("/") : row.cgroup, look);
}

function nameInside(row: ScanRow, pod: ScanRow, look: Look): string {
  if (row.kind === "sandbox") return "(sandbox)";
  return safe(row.container ?? row.cgroup.slice(pod.cgroup.length + 1), look);
}

function victimName(victim: ScanVictim, look: Look): string {
  return `${safe(victim.comm, look)} ${victim.pid}`;
}

/** Shares the width: columns and state get what they need, the rest goes to name, victim and bar, in that order. */
function layOut(lines: readonly Line[], columns: readonly Column[], look: Look): Widths {
  const cells = columns.map(({ title }, i) => widest([title, ...lines.map(({ cells }) => cells[i] ?? "")]));
  const state = widest(["STATE", ...lines.map(({ row }) => row.state)]);
  const fixed = cells.reduce((sum, width) => sum + 1 + width, 0) + 2 + state;
  const nameWish = widest(["CGROUP", ...lines.map(({ name }) => name)]);
  const victimWish = widest(["WOULD DIE", ...lines.map(({ victim, kernel }) => beside(victim, kernel))]);

  let rest = look.columns - fixed;
  const hasVictim = rest >= NAME_MIN + 2 + VICTIM_MIN;
  if (hasVictim) rest -= 2 + VICTIM_MIN;
  const hasBar = rest >= NAME_MIN + 2 + BAR.min;
  if (hasBar) rest -= 2 + BAR.min;

  const name = Math.min(nameWish, rest);
  rest -= name;
  const victimMore = hasVictim ? Math.min(Math.max(0, victimWish - VICTIM_MIN), rest) : 0;
  const barMore = hasBar ? Math.min(BAR.max - BAR.min, rest - victimMore) : 0;
  return {
    name,
    bar: hasBar ? BAR.min + barMore : 0,
    cells,
    state,
    victim: hasVictim ? VICTIM_MIN + victimMore : 0,
  };
}

function headLine(columns: readonly Column[], widths: Widths): string {
  const cells = columns.map(({ title }, i) => ` ${padLeft(title, widths.cells[i] ?? 0)}`).join("");
  const barTitle = widths.bar > 0 ? `  ${padRight("USE OF LIMIT", widths.bar)}` : "";
  const victim = widths.victim > 0 ? "  WOULD DIE" : "";
  return `${padRight("CGROUP", widths.name)}${barTitle}${cells}  ${padRight("STATE", widths.state)}${victim}`;
}

function rowLines(line: Line, widths: Widths, look: Look): string[] {
  const { row } = line;
  const color = STATE_COLOR[row.state];
  const name = padRight(shortenMiddle(line.name, widths.name, ellipsis(look)), widths.name);
  const picture = widths.bar > 0 ? `  ${bar(row, widths.bar, color ?? "green", look)}` : "";
  const cells = line.cells.map((cell, i) => ` ${padLeft(cell, widths.cells[i] ?? 0)}`).join("");
  const state = paint(row.state, color, look) + " ".repeat(widths.state - row.state.length);
  const start = `${name}${picture}${cells}  ${state}`;
  if (widths.victim === 0) return [start.trimEnd()];

  const oneLine = beside(line.victim, line.kernel);
  if (widthOf(oneLine) <= widths.victim) return [`${start}  ${oneLine}`];
  const first = `${start}  ${shortenMiddle(line.victim, widths.victim, ellipsis(look))}`;
  if (line.kernel === null) return [first];
  return [first, padLeft(shortenMiddle(line.kernel, look.columns, ellipsis(look)), look.columns)];
}

function beside(victim: string, kernel: string | null): string {
  return kernel === null ? victim : `${victim} (${kernel})`;
}

function nodeLine({ node }: ScanReport, look: Look): string {
  const free =
    node.memoryAvailableBytes === null
      ? `${humanSize(node.memoryTotalBytes)} memory`
      : `${humanSize(node.memoryAvailableBytes)} of ${humanSize(node.memoryTotalBytes)} available`;
  const where = `cgroup v${node.cgroupVersion} at ${safe(node.cgroupMount, look)}`;
  const text = `${safe(node.name, look)}: ${free}, ${where}, kernel ${safe(node.kernel, look)}`;
  return paint(shortenEnd(text, look.columns, ellipsis(look)), "bold", look);
}

function summary(rows: readonly ScanRow[], shown: number, look: Look): string {
  const over = rows.filter((row) => row.state === "over").length;
  const near = rows.filter((row) => row.state === "near").length;
  const left = shown < rows.length ? ` (${shown} shown)` : "";
  const count = `${rows.length} limited cgroup${rows.length === 1 ? "" : "s"}${left}`;
  if (over + near === 0) return `${count}: none near the limit`;
  return `${count}: ${paint(`${over} over`, over > 0 ? "red" : null, look)}, ${near} near`;
}

function nothingFound(report: ScanReport, options: ScanTableOptions, look: Look): string[] {
  const { roots, unlimited } = options;
  const where = safe(report.node.cgroupMount, look);
  const looked = roots === undefined ? "" : `; looked at ${roots.map((root) => safe(root, look)).join(" ")}`;
  const why =
    unlimited === undefined || unlimited === 0
      ? "no pod or container is running there (cgroup_roots says where to look)."
      : `${unlimited} cgroup${unlimited === 1 ? " there has" : "s there have"} no memory limit, and without one there is nothing to guard.`;
  return wrap(`No limited cgroup under ${where}${looked}: ${why}`, look.columns, ellipsis(look));
}
