/** A query, and whose it is. */
export interface NamedQuery {
  readonly from: string;
  readonly expr: string;
  /** The template of a legend or an annotation that shows its labels. */
  readonly shown: string;
  /** What the answer is recorded as. */
  readonly records?: string;
}

// What Prometheus adds to each series it scrapes, and what it knows of each target.
const TARGET_LABELS: readonly string[] = ["job", "instance"];
const TARGET_METRIC = "up";

/**
 * Which metrics and labels queries name that nobody exports.
 * @param queries in the order they are evaluated in, as some record what others ask for
 * @param exposition what a guard answers to a scrape
 * @returns `FROM: NAME` for each
 */
export function unknownNames(queries: readonly NamedQuery[], exposition: string): string[] {
  const series = seriesOf(exposition).set(TARGET_METRIC, new Set());
  return queries.flatMap(({ from, expr, shown, records }) => {
    const metrics = unique(expr.match(/\b(?:oom_guard[_:]|process_)[a-z_:]+|\bup\b/g) ?? []);
    const labels = new Set(metrics.flatMap((metric) => [...(series.get(metric) ?? [])]));
    if (records !== undefined) series.set(records, labels);
    const unknown = [
      ...metrics.filter((metric) => !series.has(metric)),
      ...[...labelsOf(expr), ...labelsShown(shown)].filter(
        (label) => !TARGET_LABELS.includes(label) && !labels.has(label),
      ),
    ];
    return unknown.map((name) => `${from}: ${name}`);
  });
}

/** The labels of the series of an exposition, by metric. */
function seriesOf(exposition: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>();
  for (const line of exposition.split("\n")) {
    const [, metric, labels = ""] = /^([a-z_:]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (metric === undefined) continue;
    const known = series.get(metric) ?? new Set();
    for (const [, label] of labels.matchAll(/([a-z_]+)="(?:[^"\\]|\\.)*"/g)) known.add(label!);
    series.set(metric, known);
  }
  return series;
}

/** In selectors and in clauses. */
function labelsOf(expr: string): string[] {
  const inSelectors = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, matchers = ""]) =>
    [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!),
  );
  const inClauses = [
    ...expr.matchAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g),
  ].flatMap(([, labels = ""]) => labels.split(",").map((label) => label.trim()));
  return unique([...inSelectors, ...inClauses].filter((label) => label !== ""));
}

/** In a legend, `{{pod}}`, or in an annotation, `$labels.pod`. */
function labelsShown(template: string): string[] {
  const shown = [...template.matchAll(/\{\{([a-z_]+)\}\}|\$labels\.([a-z_]+)/g)];
  return unique(shown.map(([, legend, annotation]) => (legend ?? annotation)!));
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
