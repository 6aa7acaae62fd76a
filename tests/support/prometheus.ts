import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { freePort } from "./cluster/free-port.ts";
import { Daemon } from "./daemon.ts";
import { until } from "./until.ts";

/** An alert as Prometheus' API tells of it. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** A Prometheus on loopback that scrapes the job "oom-guard" and evaluates its rules all the time. */
export class TestPrometheus {
  readonly #directory = mkdtempSync(`${tmpdir()}/oom-guard-prometheus-`);
  readonly #url: string;
  readonly #daemon: Daemon;

  private constructor(rules: string, targets: readonly string[]) {
    const address = `127.0.0.1:${freePort()}`;
    this.#url = `http://${address}`;
    writeFileSync(`${this.#directory}/rules.yaml`, rules);
    // JSON is YAML.
    const config = {
      // A guard waits a second for its sentinel before it says that this one does not answer.
      global: { scrape_interval: "1500ms", scrape_timeout: "1500ms", evaluation_interval: "1s" },
      rule_files: ["rules.yaml"],
      scrape_configs: [
        { job_name: "oom-guard", file_sd_configs: [{ files: ["targets.json"], refresh_interval: "1s" }] },
      ],
    };
    writeFileSync(`${this.#directory}/prometheus.yml`, JSON.stringify(config));
    this.scrape(targets);
    const flags = {
      "config.file": `${this.#directory}/prometheus.yml`,
      "storage.tsdb.path": `${this.#directory}/data`,
      "web.listen-address": address,
      // In proportion to the ranges of rules in a hurry: the default is 5 minutes.
      "query.lookback-delta": "5s",
      "log.level": "warn",
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    this.#daemon = new Daemon(["prometheus", ...argv], `${this.#directory}/prometheus.log`);
  }

  /** Starts one, and waits until it has scraped. @param rules a rule file's text @param targets HOST:PORT of guards */
  static async start(rules: string, targets: readonly string[]): Promise<TestPrometheus> {
    const prometheus = new TestPrometheus(rules, targets);
    const isReady = async () => (await fetch(`${prometheus.#url}/-/ready`).catch(() => null))?.ok === true;
    await prometheus.#daemon.ready(isReady);
    // It takes 5 s until it looks for targets.
    const hasScraped = async () => (await prometheus.query("up")).length === targets.length;
    await until("it has scraped", hasScraped, 30_000);
    return prometheus;
  }

  /** Has it scrape these targets, and no others. */
  scrape(targets: readonly string[]): void {
    const file = `${this.#directory}/targets.json`;
    writeFileSync(`${file}.new`, JSON.stringify([{ targets }]));
    renameSync(`${file}.new`, file);
  }

  /** Everything that fires now. */
  async firing(): Promise<Alert[]> {
    const { alerts } = await this.#get<{ alerts: Alert[] }>("alerts");
    return alerts.filter(({ state }) => state === "firing");
  }

  /** Waits for an alert that has these labels. */
  async fires(name: string, labels: Readonly<Record<string, string>> = {}): Promise<Alert> {
    let found: Alert | undefined;
    await until(
      `${name} fires`,
      async () => {
        found = (await this.firing()).find((alert) => has(alert, { alertname: name, ...labels }));
        return found !== undefined;
      },
      60_000,
    );
    return found!;
  }

  /** Waits until no alert of this name fires. */
  async ends(name: string): Promise<void> {
    const isQuiet = async () => (await this.firing()).every(({ labels }) => labels.alertname !== name);
    await until(`${name} ends`, isQuiet, 60_000);
  }

  /** The answer to a query. @throws Prometheus' own words, if it is none */
  async query(expr: string): Promise<Sample[]> {
    return (await this.#get<{ result: Sample[] }>("query", { query: expr })).result;
  }

  /** What its rules failed with when they were last evaluated. */
  async ruleErrors(): Promise<string[]> {
    const { groups } = await this.#get<{ groups: { rules: { name: string; lastError?: string }[] }[] }>(
      "rules",
    );
    return groups
      .flatMap(({ rules }) => rules)
      .flatMap(({ name, lastError }) => (lastError ? [`${name}: ${lastError}`] : []));
  }

  async stop(): Promise<void> {
    await this.#daemon.end();
    rmSync(this.#directory, { recursive: true });
  }

  async #get<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { data: T; error?: string };
    if (!response.ok) throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  }
}

function has(alert: Alert, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([name, value]) => alert.labels[name] === value);
}
