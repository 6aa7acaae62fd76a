import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** What a command of promtool's printed. `failure` is null when it found nothing wrong. */
export interface Verdict {
  readonly failure: string | null;
}

/** `promtool check rules` with every lint it has. @param rules the text of a rule file */
export function checkRules(rules: string): Verdict {
  return withFiles({ "rules.yaml": rules }, (folder) =>
    promtool(["check", "rules", "--lint=all", "--lint-fatal", `${folder}/rules.yaml`]),
  );
}

/** Samples, one a minute from minute 0 on, as promtool writes them: `3x10`, `_x5 1 stale`. By series. */
export type Series = Readonly<Record<string, string>>;

/** A moment of rules that look at series. */
export interface Moment {
  readonly rules: string;
  readonly series: Series;
  readonly minute: number;
}

/**
 * Lets `promtool test rules` play the series, and asks it which alerts fire.
 * @param alerts exactly these do, by name
 */
export function checkFiring({ rules, series, minute }: Moment, alerts: readonly string[]): Verdict {
  const test = {
    rule_files: ["rules.yaml"],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: `${minute}m`,
            exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
          },
        ],
      },
    ],
  };
  // JSON is YAML.
  return withFiles({ "rules.yaml": rules, "test.yaml": JSON.stringify(test) }, (folder) =>
    promtool(["test", "rules", `${folder}/test.yaml`]),
  );
}

function promtool(args: readonly string[]): Verdict {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["promtool", ...args]);
  return { failure: exitCode === 0 ? null : `${stdout}${stderr}` };
}

function withFiles<T>(files: Readonly<Record<string, string>>, use: (folder: string) => T): T {
  const folder = mkdtempSync(`${tmpdir()}/oom-guard-promtool-`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
