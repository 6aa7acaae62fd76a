import type { ExplainReport } from "../../src/report/explain-report.ts";
import type { ScanReport, ScanRow } from "../../src/report/scan-report.ts";
import { BINARY } from "./guard.ts";

function look<T>(argv: readonly string[], env: Readonly<Record<string, string>>): T {
  const { exitCode, stdout, stderr } = Bun.spawnSync([BINARY, ...argv], { env: { ...process.env, ...env } });
  if (exitCode !== 0) throw new Error(`oom-guard ${argv.join(" ")}: ${stderr}`);
  return JSON.parse(stdout.toString()) as T;
}

/** What `oom-guard scan` tells of a cgroup. The roots are the configuration file's. */
export function scan(
  configFile: string,
  cgroup: string,
  env: Readonly<Record<string, string>> = {},
): ScanRow | undefined {
  const { cgroups } = look<ScanReport>(["scan", "--json", "--config", configFile], env);
  return cgroups.find((row) => row.cgroup === cgroup);
}

/** What `oom-guard explain` tells. */
export function explain(
  configFile: string,
  target: string,
  env: Readonly<Record<string, string>> = {},
): ExplainReport {
  return look(["explain", target, "--json", "--config", configFile], env);
}
