import { describe, expect, test } from "bun:test";
import { alertRules } from "../../../../src/report/metrics/rules.ts";
import { checkFiring, checkRules } from "../../../support/promtool.ts";
import { missingPromtool } from "../../../support/requirements.ts";
import { type AlertingRule, isAlert, rulesOf } from "../../../support/rule-file.ts";
import { casesOf, quietGuards } from "./alert-cases.ts";

const alerts = rulesOf(alertRules).filter(isAlert);

describe("the rule file", () => {
  test("is plain text of lines that fit, and says how to use it", () => {
    expect(alertRules).toContain("oom-guard print rules > /etc/prometheus/oom-guard.yaml");
    expect(alertRules).toMatch(/^[\x20-\x7e\n]*\n$/);
    for (const line of alertRules.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });

  test("becomes a PrometheusRule of the Prometheus operator by what it says to do", () => {
    const [snippet = ""] = /^# +\{ printf[\s\S]*?kubectl apply -f -$/m.exec(alertRules) ?? [];
    const script = snippet.replace(/^# +/gm, "");
    const shell = ["bash", "-c", `oom-guard() { cat; }; kubectl() { cat; }; ${script}`];
    const { stdout } = Bun.spawnSync(shell, { stdin: Buffer.from(alertRules) });
    expect(Bun.YAML.parse(stdout.toString())).toEqual({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PrometheusRule",
      metadata: { name: "oom-guard", namespace: "monitoring" },
      spec: Bun.YAML.parse(alertRules),
    });
  });

  test("names the job in one spelling only, so that sed finds it", () => {
    const rules = alertRules.replace(/^#.*$/gm, "");
    expect(new Set(rules.match(/\bjob\s*[=!]~?\s*"[^"]*"/g))).toEqual(new Set(['job="oom-guard"']));
    expect(alertRules).toContain(`sed 's/job="oom-guard"/job="NAME"/'`);
  });

  test.each(alerts.map((alert) => [alert.alert, alert] as const))(
    "%s says how bad it is, what happened, and what to do",
    (name, { labels, annotations }: AlertingRule) => {
      expect(name).toStartWith("OomGuard");
      expect(labels.severity).toBeOneOf(["critical", "warning", "info"]);
      expect(Object.keys(annotations)).toEqual(["summary", "description"]);
      expect(annotations.summary).not.toContain("\n");
      expect(annotations.description).toMatch(
        /`(oom-guard (history|explain|scan|doctor|print)|systemctl) ?[^`]*`/,
      );
    },
  );

  test("has cases for each alert, and no others", () => {
    expect(alerts.map(({ alert }) => alert)).toEqual(Object.keys(casesOf));
  });
});

describe.skipIf(missingPromtool() !== null)("played by promtool", () => {
  test("has nothing promtool would complain about", () => {
    expect(checkRules(alertRules).failure).toBeNull();
  });

  test("two guards with nothing to tell: nothing fires", () => {
    const verdict = checkFiring({ rules: alertRules, series: quietGuards, minute: 80 }, []);
    expect(verdict.failure).toBeNull();
  });

  describe.each(Object.entries(casesOf))("%s", (alert, { fires, staysQuiet }) => {
    test.each(fires.slice())("fires: %s", (_, series, minute) => {
      const moment = { rules: alertRules, series: { ...quietGuards, ...series }, minute };
      expect(checkFiring(moment, [alert]).failure).toBeNull();
    });

    test.each(staysQuiet.slice())("does not fire, nor does another: %s", (_, series, minute) => {
      const moment = { rules: alertRules, series: { ...quietGuards, ...series }, minute };
      expect(checkFiring(moment, []).failure).toBeNull();
    });
  });
});
