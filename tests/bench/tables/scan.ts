import { BINARY } from "../../support/guard.ts";
import type { Context } from "../context.ts";
import { noiseNote } from "../noise.ts";
import { atMost, type TableResult } from "../result.ts";
import { median, pairedDifferences, worst } from "../statistics.ts";
import { populate } from "./idle-cgroups.ts";

const CGROUPS = 250;
const GOAL_MS = 100;

/** How long one `scan` takes, beyond a program of Bun's that prints a line. */
export async function scan({ stage, isQuick, progress }: Context): Promise<TableResult> {
  const runs = isQuick ? 3 : 20;
  const top = stage.top();
  populate(top, CGROUPS);
  const args = ["scan", "--json", "--config", stage.configFile(), "--cgroup-root", top.path];
  const scans: number[] = [];
  const hellos: number[] = [];
  const hellosAgain: number[] = [];
  for (let i = 0; i < runs; i++) {
    progress(`scan: ${i + 1} of ${runs}`);
    scans.push(await wallMillis([BINARY, ...args]));
    for (const times of [hellos, hellosAgain]) times.push(await wallMillis([stage.hello()]));
  }
  await stage.removeTop(top);
  const beyond = pairedDifferences(scans, hellos);
  const series = [
    { what: `scan --json, ${CGROUPS} cgroups`, millis: scans },
    { what: "hello-world", millis: hellos },
    { what: "hello-world again", millis: hellosAgain },
    { what: "beyond hello-world", millis: beyond },
  ];
  return {
    title: "Scan: wall time, ms",
    notes: [
      `${runs} runs each, in turns; a process sleeps in each cgroup.`,
      noiseNote("hello-world", hellos, hellosAgain),
    ],
    headings: ["what", "median", "worst"],
    rows: series.map(({ what, millis }) => [what, median(millis).toFixed(0), worst(millis).toFixed(0)]),
    goals: [
      atMost(`scan of ${CGROUPS} cgroups beyond hello-world, median`, median(beyond), GOAL_MS, " ms", 0),
    ],
    plot: {
      title: `One scan of ${CGROUPS} cgroups`,
      axis: "ms, median and worst",
      scale: "linear",
      rows: series.map(({ what, millis }) => ({
        label: what,
        marks: [{ series: "wall time", middle: median(millis), worst: worst(millis) }],
      })),
      line: { at: GOAL_MS, label: "goal, beyond" },
    },
    raw: series,
  };
}

async function wallMillis(command: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "inherit"] });
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: exit code ${child.exitCode}`);
  return performance.now() - startedMs;
}
