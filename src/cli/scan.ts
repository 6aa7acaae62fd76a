import { listCgroups } from "../discover/list.ts";
import { Roots } from "../discover/roots.ts";
import { jsonDocument } from "../report/json.ts";
import { renderNode } from "../report/scan-node.ts";
import { inReadingOrder } from "../report/scan-order.ts";
import { renderPods } from "../report/scan-pods.ts";
import type { ScanReport, ScanRow } from "../report/scan-report.ts";
import { renderScan, type ScanTableOptions } from "../report/scan-table.ts";
import { surveyNode } from "../survey/scan-node.ts";
import { podWorkingSets, scanPods } from "../survey/scan-pods.ts";
import { rowOf, stateOf, surveyAll } from "../survey/scan-rows.ts";
import { Survey } from "../survey/survey.ts";
import { configurationFor } from "./configuration.ts";
import { enforce } from "./enforce.ts";
import { exitCode, UserError } from "./exit.ts";
import type { CliOptions } from "./flags.ts";
import type { Handler } from "./handler.ts";
import { nodeAllocatable } from "./node-allocatable.ts";
import { warn, writeOut } from "./output.ts";
import { surveyTools } from "./survey-tools.ts";
import { terminalLook } from "./terminal.ts";

const REDRAW_MS = 2000;
const NODE_TIMEOUT_MS = 2000;
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
    const [tools, allocatableBytes] = await Promise.all([
      surveyTools(config),
      nodeAllocatable(config, NODE_TIMEOUT_MS),
    ]);
    const cgroups = listCgroups(tools.hierarchy.mount, new Roots(config.cgroupRoots));
    const { found, unlimited } = surveyAll(new Survey(tools), cgroups);
    const over = found.filter((surveyed) => stateOf(surveyed) === "over");
    anyOver = over.length > 0;
    const { node, unknownEviction } = surveyNode(tools, cgroups, allocatableBytes);
    const report: ScanReport = {
      version: 1,
      node,
      cgroups: found.map((surveyed) => rowOf(surveyed, tools.pods)),
      pods: tools.nodePods && scanPods(tools.nodePods, podWorkingSets(tools, cgroups, found)),
    };
    const { sort, top } = options;
    const look = { ...terminalLook(), roots: config.cgroupRoots, unlimited, sort, top };
    const shown = options.json
      ? jsonDocument({ ...report, cgroups: selected(report.cgroups, options) })
      : text(report, unknownEviction, look);
    const clear = options.watch && process.stdout.isTTY ? CLEAR : "";
    if (!(await writeOut(clear + shown))) break;
    if (tools.podsError !== null && !saidMissing) {
      saidMissing = true;
      warn(`requests and limits are not known: ${tools.podsError.message}`);
    }
    if (options.enforce) await enforce(tools, over);
    if (options.watch) await Bun.sleep(Math.max(0, REDRAW_MS - (performance.now() - started)));
  } while (options.watch);
  return options.exitCode && anyOver ? exitCode.found : exitCode.ok;
};

/** The rows that were asked for; all of them, as they were found, unless something was. */
function selected(rows: readonly ScanRow[], { sort, top }: CliOptions): readonly ScanRow[] {
  if (sort === null && top === null) return rows;
  return inReadingOrder(rows, sort)
    .slice(0, top ?? rows.length)
    .map(({ row }) => row);
}

function text(report: ScanReport, unknownEviction: string | null, options: ScanTableOptions): string {
  const table = renderScan(report, options);
  const pods = renderPods(report.pods ?? [], options);
  return `${table}${pods}\n${renderNode(report.node, unknownEviction, options)}`;
}
