import { readFileSync } from "node:fs";
import { hostname, release, totalmem } from "node:os";
import { listCgroups } from "../discover/list.ts";
import { Roots } from "../discover/roots.ts";
import { FieldParser } from "../proc/field-parser.ts";
import { jsonDocument } from "../report/json.ts";
import type { ScanReport } from "../report/scan-report.ts";
import { renderScan } from "../report/scan-table.ts";
import { rowOf, stateOf, surveyAll } from "../survey/scan-rows.ts";
import { Survey, type SurveyTools } from "../survey/survey.ts";
import { configurationFor } from "./configuration.ts";
import { enforce } from "./enforce.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { warn, writeOut } from "./output.ts";
import { surveyTools } from "./survey-tools.ts";
import { terminalLook } from "./terminal.ts";

const REDRAW_MS = 2000;
const CLEAR = "\x1b[H\x1b[2J";

/** `oom-guard scan`: how close every limited cgroup is, and who would die. */
export const scan: Handler = async (options) => {
  if (options.watch && options.enforce) {
    throw new UserError("--watch only looks and --enforce acts: use one of them", exitCode.usage);
  }
  const config = configurationFor(options);
  let anyOver = false;
  let saidMissing = false;
  do {
    const started = performance.now();
    const tools = await surveyTools(config);
    const cgroups = listCgroups(tools.hierarchy.mount, new Roots(config.cgroupRoots));
    const { found, unlimited } = surveyAll(new Survey(tools), cgroups);
    const over = found.filter((surveyed) => stateOf(surveyed) === "over");
    anyOver = over.length > 0;
    const report = {
      version: 1,
      node: nodeOf(tools),
      cgroups: found.map((surveyed) => rowOf(surveyed, tools.pods)),
    } as const;
    const text = options.json ? jsonDocument(report) : table(report, config.cgroupRoots, unlimited);
    const clear = options.watch && process.stdout.isTTY ? CLEAR : "";
    if (!(await writeOut(clear + text))) break;
    if (tools.podsError !== null && !saidMissing) {
      saidMissing = true;
      warn(`requests and limits are not known: ${tools.podsError.message}`);
    }
    if (options.enforce) await enforce(tools, over);
    if (options.watch) await Bun.sleep(Math.max(0, REDRAW_MS - (performance.now() - started)));
  } while (options.watch);
  return options.exitCode && anyOver ? exitCode.found : exitCode.ok;
};

function table(report: ScanReport, roots: readonly string[], unlimited: number): string {
  return renderScan(report, { ...terminalLook(), roots, unlimited });
}

function nodeOf({ hierarchy }: SurveyTools): ScanReport["node"] {
  const meminfo = readFileSync("/proc/meminfo");
  const values = new Float64Array(1);
  new FieldParser(["MemAvailable"]).parse(meminfo, meminfo.length, values);
  // Before Linux 3.14 there is no such line.
  const available = values[0]!;
  return {
    name: hostname(),
    kernel: release(),
    cgroupVersion: hierarchy.version,
    cgroupMount: hierarchy.mount,
    memoryTotalBytes: totalmem(),
    memoryAvailableBytes: Number.isNaN(available) ? null : available * 1024,
  };
}
