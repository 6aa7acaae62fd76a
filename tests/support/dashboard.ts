import type { NamedQuery } from "./promql.ts";

interface Panel {
  readonly title: string;
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat?: string;
  }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
}

/** Every query of a panel of a Grafana dashboard, as it stands there. */
export function panelQueries(dashboard: string): NamedQuery[] {
  const { panels } = JSON.parse(dashboard) as Dashboard;
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr, legendFormat = "" }) => ({
      from: `${title}, ${refId}`,
      expr,
      shown: legendFormat,
    })),
  );
}

/** Where the choices for its variables come from: `label_values(SELECTOR, LABEL)`. */
export function variableQueries(dashboard: string): NamedQuery[] {
  const { templating } = JSON.parse(dashboard) as Dashboard;
  return templating.list.flatMap(({ name, query }) => {
    if (typeof query === "string") return [];
    const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? [];
    if (expr === undefined) throw new Error(`variable ${name}: ${query.query}`);
    return [{ from: `$${name}`, expr, shown: `{{${label}}}` }];
  });
}

/** A query as Grafana sends it when everything is chosen. @param range `30s`, of all that is shown and of each point in it */
export function filledIn(expr: string, range: string): string {
  return expr
    .replaceAll("$instance", ".*")
    .replaceAll("$namespace", ".*")
    .replaceAll("$__range", range)
    .replaceAll("$__rate_interval", range);
}
