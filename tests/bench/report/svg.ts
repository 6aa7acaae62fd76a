import type { Plot } from "../result.ts";
import { axisOf } from "./axis.ts";

const WIDTH = 860;
const LABELS_PX = 270;
const RIGHT_PX = 70;
const TOP_PX = 62;
const BOTTOM_PX = 48;
const MARK_PX = 15;
const ROW_GAP_PX = 10;
/** What a letter takes in the middle: fonts differ. */
const LETTER_PX = 7;
const COLORS = ["#2a78d6", "#d9691f", "#1a9e77", "#8a63c7", "#808890"];

/** Readable on a light and on a dark page. */
const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { fill: #59636e; }
  .grid { stroke: #d1d9e0; }
  .line { stroke: #59636e; stroke-dasharray: 4 3; }
  .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #30363d; }
    .line { stroke: #9198a1; }
    .page { fill: #0d1117; }
  }`;

/** Draws rows of dots: filled where the middle is, a ring at the worst case. */
export function svgOf(plot: Plot): string {
  const series = [...new Set(plot.rows.flatMap(({ marks }) => marks.map((mark) => mark.series)))];
  const color = (name: string) => COLORS[series.indexOf(name) % COLORS.length]!;
  const values = plot.rows.flatMap(({ marks }) =>
    marks.flatMap(({ middle, worst }) => [middle, worst ?? middle]),
  );
  const axis = axisOf([...values, ...(plot.line === undefined ? [] : [plot.line.at])], plot.scale);
  const x = (value: number) => LABELS_PX + axis.place(value) * (WIDTH - LABELS_PX - RIGHT_PX);

  const parts: string[] = [];
  let y = TOP_PX;
  for (const { label, marks } of plot.rows) {
    const height = marks.length * MARK_PX;
    parts.push(text(LABELS_PX - 12, y + height / 2 + 4, label, 'text-anchor="end"'));
    for (const [i, { series: name, middle, worst }] of marks.entries()) {
      if (Number.isNaN(middle)) continue;
      const at = y + (i + 0.5) * MARK_PX;
      const stroke = `stroke="${color(name)}" stroke-width="2"`;
      const far = worst ?? middle;
      if (far !== middle) {
        parts.push(
          `<line x1="${px(x(middle))}" y1="${at}" x2="${px(x(far))}" y2="${at}" ${stroke} opacity="0.45"/>`,
        );
        parts.push(`<circle class="page" cx="${px(x(far))}" cy="${at}" r="3.5" ${stroke}/>`);
      }
      parts.push(`<circle cx="${px(x(middle))}" cy="${at}" r="4.5" fill="${color(name)}"/>`);
      parts.push(text(x(Math.max(far, middle)) + 9, at + 4, short(far), 'class="quiet"'));
    }
    y += height + ROW_GAP_PX;
  }
  const bottom = y;
  const grid = axis.ticks.flatMap((tick) => [
    `<line class="grid" x1="${px(x(tick))}" y1="${TOP_PX - 6}" x2="${px(x(tick))}" y2="${bottom}"/>`,
    text(x(tick), bottom + 16, short(tick), 'class="quiet" text-anchor="middle"'),
  ]);
  if (plot.line !== undefined) {
    const at = px(x(plot.line.at));
    grid.push(`<line class="line" x1="${at}" y1="${TOP_PX - 6}" x2="${at}" y2="${bottom}"/>`);
    grid.push(text(Number(at), TOP_PX - 10, plot.line.label, 'class="quiet" text-anchor="middle"'));
  }
  const height = bottom + BOTTOM_PX;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(plot.title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(16, 24, plot.title, 'class="title"'),
    ...legend(series, color),
    ...grid,
    ...parts,
    text(
      LABELS_PX + (WIDTH - LABELS_PX - RIGHT_PX) / 2,
      height - 10,
      plot.axis,
      'class="quiet" text-anchor="middle"',
    ),
    "</svg>",
    "",
  ].join("\n");
}

function legend(series: readonly string[], color: (name: string) => string): string[] {
  let right = WIDTH - 8;
  return series.toReversed().flatMap((name) => {
    right -= name.length * LETTER_PX + 30;
    return [
      `<circle cx="${right + 5}" cy="20" r="4.5" fill="${color(name)}"/>`,
      text(right + 14, 24, name, ""),
    ];
  });
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escaped(content)}</text>`;
}

function px(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
