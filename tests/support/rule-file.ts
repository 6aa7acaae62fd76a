import type { NamedQuery } from "./promql.ts";

interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

export type Rule = RecordingRule | AlertingRule;

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

export function isAlert(rule: Rule): rule is AlertingRule {
  return "alert" in rule;
}

/** The rules of a rule file of Prometheus, in its order. */
export function rulesOf(text: string): Rule[] {
  return parse(text).groups.flatMap(({ rules }) => rules);
}

/** What the rules ask, and the templates of their annotations. */
export function ruleQueries(text: string): NamedQuery[] {
  return rulesOf(text).map((rule) =>
    isAlert(rule)
      ? { from: rule.alert, expr: rule.expr, shown: Object.values(rule.annotations).join("\n") }
      : { from: rule.record, expr: rule.expr, shown: "", records: rule.record },
  );
}

/** The same rules in a hurry: what takes them minutes takes them seconds. */
export function hurried(text: string): string {
  const { groups } = parse(text);
  return JSON.stringify({
    groups: groups.map((group) => ({ ...group, rules: group.rules.map(hurry) })),
  });
}

function parse(text: string): RuleFile {
  return Bun.YAML.parse(text) as RuleFile;
}

/** Ranges and offsets are in minutes, and an age in seconds is written as `15 * 60`. */
function hurry(rule: Rule): Rule {
  const expr = rule.expr.replace(/\b(\d+)m\b/g, "$1s").replace(/\b(\d+) \* 60\b/g, "$1");
  if (!isAlert(rule) || rule.for === undefined) return { ...rule, expr };
  return { ...rule, expr, for: rule.for.replace(/m$/, "s") };
}
