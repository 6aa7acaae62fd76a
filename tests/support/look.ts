import type { ExplainReport } from "../../src/report/explain-report.ts";
import type { ScanReport, ScanRow } from "../../src/report/scan-report.ts";
import { BINARY } from "./guard.ts";

type Environment = Readonly<Record<string, string>>;

/** What `oom-guard scan` tells of a cgroup. The roots are the configuration file's. */
export async function scan(
  configFile: string,
  cgroup: string,
  env: Environment = {},
): Promise<ScanRow | undefined> {
  const { cgroups } = await look<ScanReport>(["scan", "--json", "--config", configFile], env);
  return cgroups.find((row) => row.cgroup === cgroup);
}

/** What `oom-guard explain` tells. */
export function explain(configFile: string, target: string, env: Environment = {}): Promise<ExplainReport> {
  return look(["explain", target, "--json", "--config", configFile], env);
}

/** Not synchronously: it may ask a server that is in this process. */
async function look<T>(argv: readonly string[], env: Environment): Promise<T> {
  const child = Bun.spawn([BINARY, ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0 || stderr !== "") throw new Error(`oom-guard ${argv.join(" ")}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
