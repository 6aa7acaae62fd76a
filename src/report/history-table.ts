import type { Incident, IncidentKind } from "../record/incident.ts";
import { padLeft, padRight, shortenMiddle, widthOf } from "./columns.ts";
import { rfc3339 } from "./history-json.ts";
import { pathOf } from "./names.ts";
import { humanMicros, humanSize } from "./size.ts";
import { type Look, type Paint, paint } from "./style.ts";
import { printable, printableAscii } from "./text.ts";

/** How the table may look, and what it may say when it is empty. */
export interface HistoryTableOptions extends Look {
  /** Where incidents are kept, for the answer when there are none. */
  readonly stateDir?: string;
}

const MIN_COLUMNS = 72;
const WHO_MIN = 12;
const TITLES = ["TIME (UTC)", "KIND", "WHO", "VICTIMS", "USED/LIMIT", "DECIDED"] as const;
const KIND_COLOR: Record<IncidentKind, Paint | null> = {
  kill: null,
  "would-kill": "dim",
  "kernel-oom": "yellow",
  stuck: "red",
};

/** The incidents, newest first, one line each and none wider than `columns`. Every line ends with a newline. */
export function renderHistory(incidents: readonly Incident[], options: HistoryTableOptions): string {
  const look = { ...options, columns: Math.max(MIN_COLUMNS, options.columns) };
  if (incidents.length === 0) {
    const where = options.stateDir === undefined ? "" : ` in ${safe(options.stateDir, look)}`;
    return `No incidents${where}: nothing was killed since recording began.\n`;
  }
  const sorted = newestFirst(incidents);
  const showTime = timeFormat(sorted, look);
  const rows = sorted.map((incident) => ({ incident, cells: cellsOf(incident, showTime, look) }));
  const widths = layOut([TITLES, ...rows.map(({ cells }) => cells)], look);
  const lines = rows.map(({ incident, cells }) => line(cells, widths, KIND_COLOR[incident.kind], look));
  return `${[paint(line(TITLES, widths, null, look), "dim", look), ...lines].join("\n")}\n`;
}

function newestFirst(incidents: readonly Incident[]): Incident[] {
  return incidents.toSorted((a, b) => b.timeMs - a.timeMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

/** Without the year where space is short and all of it happened in one: five cells more for the names. */
function timeFormat(sorted: readonly Incident[], look: Look): (timeMs: number) => string {
  const years = new Set(sorted.map(({ timeMs }) => rfc3339(timeMs).slice(0, -20)));
  const from = look.columns < 100 && years.size === 1 ? -19 : 0;
  return (timeMs) => rfc3339(timeMs).slice(from, -5).replace("T", " ");
}

function cellsOf(incident: Incident, showTime: (timeMs: number) => string, look: Look): string[] {
  const { usageBytes, limitBytes, decideMicros } = incident;
  const size = (bytes: number | null) => (bytes === null ? "?" : humanSize(bytes));
  return [
    showTime(incident.timeMs),
    kindOf(incident),
    safe(pathOf(incident), look),
    victimsOf(incident, look),
    usageBytes === null && limitBytes === null ? "-" : `${size(usageBytes)}/${size(limitBytes)}`,
    decideMicros === null ? "-" : humanMicros(decideMicros),
  ];
}

/** With whose memory ran out, where it was not the container's own. */
function kindOf({ kind, scope }: Incident): string {
  return scope === null || scope === "container" ? kind : `${kind}/${scope}`;
}

function victimsOf({ victims, victimCount, silent }: Incident, look: Look): string {
  const largest = victims.toSorted((a, b) => (b.rssBytes ?? -1) - (a.rssBytes ?? -1))[0];
  if (largest === undefined) return victimCount === 0 ? "-" : String(victimCount);
  const more = victimCount > 1 ? ` +${victimCount - 1}` : "";
  const quietly = silent ? " silent" : "";
  return `${largest.comm === null ? "?" : safe(largest.comm, look)} ${largest.pid}${more}${quietly}`;
}

/** Every column gets what it needs, but for who and victims, which share what is left. */
function layOut(table: readonly (readonly string[])[], look: Look): number[] {
  const wishes = TITLES.map((_title, i) => Math.max(...table.map((cells) => widthOf(cells[i] ?? ""))));
  const [time = 0, kind = 0, who = 0, victims = 0, memory = 0, decided = 0] = wishes;
  const rest = look.columns - time - kind - memory - decided - 2 * (TITLES.length - 1);
  const victimsWidth = Math.min(victims, Math.max(rest - who, rest - Math.max(WHO_MIN, Math.ceil(rest / 2))));
  return [time, kind, Math.min(who, rest - victimsWidth), victimsWidth, memory, decided];
}

function line(cells: readonly string[], widths: readonly number[], color: Paint | null, look: Look): string {
  const [time = 0, kind = 0, who = 0, victims = 0, memory = 0, decided = 0] = widths;
  const [when = "", what = "", name = "", whom = "", size = "", took = ""] = cells;
  const ellipsis = look.unicode ? "…" : "...";
  const painted = paint(what, color, look) + " ".repeat(Math.max(0, kind - what.length));
  return [
    padRight(when, time),
    painted,
    padRight(shortenMiddle(name, who, ellipsis), who),
    padRight(shortenMiddle(whom, victims, ellipsis), victims),
    padLeft(size, memory),
    padLeft(took, decided),
  ].join("  ");
}

function safe(text: string, look: Look): string {
  return look.unicode ? printable(text) : printableAscii(text);
}
