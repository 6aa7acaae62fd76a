import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Guests } from "../../runner/guests.ts";
import { bookwormV2 } from "../../runner/machines.ts";
import { BINARY } from "../../support/guard.ts";
import { compileStaticLeak } from "../../support/leak.ts";
import { machineImage } from "../../support/vm/image.ts";
import { Machine } from "../../support/vm/machine.ts";
import { packTree } from "../../support/vm/payload.ts";
import type { Context } from "../context.ts";
import type { TableResult } from "../result.ts";
import { CannotMeasure } from "../stage.ts";
import { unpackKillers } from "../vm/killer-packages.ts";
import { type Leak, othersReport, type Row, type Scenario, WATCHES_ELSEWHERE } from "./others-report.ts";

const KILLERS = ["oom-guard", "nobody", "earlyoom", "nohang", "systemd-oomd"];
const RUN_MS = 40_000;
const START_MS = 60_000;

/** Who ends a leak in a container on cgroup v2: oom-guard, the kernel, or one of the others that Debian ships. */
export async function others(context: Context): Promise<TableResult> {
  const runs = context.isQuick ? 1 : 2;
  try {
    return othersReport(await inMachine(context, runs), runs, null);
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error;
    return othersReport([], runs, error.message);
  }
}

async function inMachine({ stage, progress }: Context, runs: number): Promise<Row[]> {
  const { release, cgroupVersion } = bookwormV2;
  const missing = Guests.missing(release);
  if (missing !== null) throw new CannotMeasure(missing);
  progress("others: packing");
  const folder = join(stage.folder, "vm");
  const tree = join(folder, "payload");
  mkdirSync(tree, { recursive: true });
  unpackKillers(join(tree, "killers"));
  copyFileSync(BINARY, join(tree, "oom-guard"));
  copyFileSync(join(import.meta.dir, "../vm/killers.sh"), join(tree, "killers.sh"));
  compileStaticLeak(join(tree, "leak"));
  const payload = packTree(tree, join(folder, "payload.ext4"));
  progress("others: booting a machine");
  const machine = await Machine.boot({ image: machineImage(release)!, payload, folder, cgroupVersion });
  try {
    await machine.run("mount -o ro /dev/nvme1n1 /payload");
    const rows: Row[] = [];
    for (const killer of KILLERS) {
      progress(`others: ${killer}`);
      const row = await onDuty(machine, killer, runs);
      rows.push(row);
      if (row.isStuck) break;
    }
    return rows;
  } finally {
    await machine.switchOff();
  }
}

async function onDuty(machine: Machine, killer: string, runs: number): Promise<Row> {
  const scenarios = scenariosOf(killer, runs);
  const limitMs = START_MS + scenarios.length * RUN_MS;
  try {
    const command = `bash /payload/killers.sh ${killer} ${scenarios.join(" ")}`;
    const { status, output } = await machine.run(command, limitMs);
    const trouble = status === 0 ? null : `exit code ${status}: ${output.trim().split("\n").at(-1)}`;
    return { killer, leaks: leaksIn(output), said: saidIn(output), trouble, isStuck: false };
  } catch (error) {
    const [trouble] = (error as Error).message.split("\n");
    return { killer, leaks: [], said: [], trouble: trouble!, isStuck: true };
  }
}

function scenariosOf(killer: string, runs: number): Scenario[] {
  const elsewhere = WATCHES_ELSEWHERE[killer];
  return [...Array<Scenario>(runs).fill("container"), ...(elsewhere === undefined ? [] : [elsewhere])];
}

function leaksIn(output: string): Leak[] {
  return [...output.matchAll(/^leak (\w+) (\d) (\d+) (\d+) (\d+) (\d)$/gm)].map(
    ([, scenario, dead, oomKills, peak, millis, bystander]) => ({
      scenario: scenario as Scenario,
      isDead: dead === "1",
      oomKills: Number(oomKills),
      peakBytes: Number(peak),
      millis: Number(millis),
      isBystanderDead: bystander === "1",
    }),
  );
}

function saidIn(output: string): Row["said"] {
  return [...output.matchAll(/^said (\w+) (.*)$/gm)].map(([, scenario, line]) => ({
    scenario: scenario as Scenario,
    line: line!.trim(),
  }));
}
