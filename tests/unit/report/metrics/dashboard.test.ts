import { expect, test } from "bun:test";
import { grafanaDashboard } from "../../../../src/report/metrics/dashboard.ts";
import { panelQueries } from "../../../support/dashboard.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

const SOURCE = { type: "prometheus", uid: "$datasource" };
const { panels, templating } = JSON.parse(grafanaDashboard) as {
  panels: Panel[];
  templating: { list: { name: string; type: string; datasource?: unknown }[] };
};
const queries = panelQueries(grafanaDashboard);

test("the data source is whichever is chosen", () => {
  const [source, ...others] = templating.list;
  expect(source).toMatchObject({ name: "datasource", type: "datasource", query: "prometheus" });
  for (const { datasource } of [...others, ...panels.filter(({ type }) => type !== "row")])
    expect(datasource).toEqual(SOURCE);
});

test("no panel is there twice, lies on another, or beyond the edge", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});

test.each(queries.map((query) => [query.from, query.expr] as const))(
  "%s asks for the instances chosen, by variables that there are",
  (_, expr) => {
    expect(expr).toContain('instance=~"$instance"');
    const known = [...templating.list.map(({ name }) => name), "__range", "__rate_interval"];
    for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect(known).toContain(name!);
  },
);

// A counter of deaths begins with the first: increase() alone does not see it.
const deaths = queries.filter(({ expr }) => /oom_guard_\w*(kills|stuck)_total/.test(expr));

test.each(deaths.map((query) => [query.from, query.expr] as const))(
  "%s counts the first death of a container too",
  (_, expr) => {
    const [, metric] = /(oom_guard_\w*(?:kills|stuck)_total)/.exec(expr)!;
    expect(expr).toContain(`max_over_time(${metric}{`);
    expect(expr).toContain(`unless ${metric}{`);
    expect(expr).toContain(`or increase(${metric}{`);
    expect(new Set(expr.match(/oom_guard_\w*(kills|stuck)_total/g)).size).toBe(1);
  },
);
