import { padLeft, padRight, shortenMiddle, widest } from "./columns.ts";
import type { ScanPod } from "./scan-report.ts";
import { humanSize } from "./size.ts";
import { ellipsis, type Look, paint, safe, withRoom } from "./style.ts";

const MOST = 10;

type Size = (pod: ScanPod) => number | null;

interface Column {
  readonly title: string;
  readonly size: Size;
}

interface Section {
  readonly title: string;
  readonly columns: readonly Column[];
  /** What the pods are sorted by; those where it is nothing, or not known, are left out. */
  readonly by: Size;
}

const request: Column = { title: "REQUEST", size: ({ requestBytes }) => requestBytes };
const overcommit: Column = { title: "OVER", size: ({ overcommitBytes }) => overcommitBytes };
const waste: Column = { title: "WASTE", size: ({ wasteBytes }) => wasteBytes };
const sections: readonly Section[] = [
  {
    title: "MOST OVERCOMMIT (limit - request)",
    columns: [request, { title: "LIMIT", size: ({ limitBytes }) => limitBytes }, overcommit],
    by: overcommit.size,
  },
  {
    title: "MOST WASTE (request - working set)",
    columns: [request, { title: "USED", size: ({ workingSetBytes }) => workingSetBytes }, waste],
    by: waste.size,
  },
];

/**
 * The ten pods that may use the most beyond what they ask for, and the ten that leave the most of it unused; nothing of
 * what there is none of. No line is wider than `columns`. Every line ends with a newline.
 */
export function renderPods(pods: readonly ScanPod[], options: Look): string {
  const look = withRoom(options);
  return sections.flatMap((section) => sectionLines(section, pods, look)).join("");
}

function sectionLines({ title, columns, by }: Section, pods: readonly ScanPod[], look: Look): string[] {
  const most = pods
    .filter((pod) => (by(pod) ?? 0) > 0)
    .sort((a, b) => (by(b) ?? 0) - (by(a) ?? 0) || (nameOf(a) < nameOf(b) ? -1 : 1))
    .slice(0, MOST);
  if (most.length === 0) return [];
  const cells = columns.map((column) => [column.title, ...most.map((pod) => sizeText(column.size(pod)))]);
  const widths = cells.map(widest);
  const names = [title, ...most.map((pod) => safe(nameOf(pod), look))];
  const room = look.columns - widths.reduce((sum, width) => sum + 1 + width, 0);
  const nameWidth = Math.min(widest(names), room);
  const lines = names.map((name, i) => {
    const numbers = widths.map((width, column) => ` ${padLeft(cells[column]?.[i] ?? "", width)}`).join("");
    return padRight(shortenMiddle(name, nameWidth, ellipsis(look)), nameWidth) + numbers;
  });
  return ["\n", ...lines.map((line, i) => `${paint(line, i === 0 ? "dim" : null, look)}\n`)];
}

function nameOf({ namespace, pod }: ScanPod): string {
  return `${namespace}/${pod}`;
}

function sizeText(bytes: number | null): string {
  return bytes === null ? "-" : humanSize(bytes);
}
