import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Guests } from "../../runner/guests.ts";
import { bookwormV2 } from "../../runner/machines.ts";
import { MIB } from "../../support/cgroup.ts";
import { BINARY } from "../../support/guard.ts";
import { compileStaticLeak } from "../../support/leak.ts";
import { machineImage } from "../../support/vm/image.ts";
import { Machine } from "../../support/vm/machine.ts";
import { packTree } from "../../support/vm/payload.ts";
import type { Context } from "../context.ts";
import type { TableResult } from "../result.ts";
import { CannotMeasure } from "../stage.ts";
import { median } from "../statistics.ts";
import { unpackKillers } from "../vm/killer-packages.ts";

const KILLERS = ["oom-guard", "nobody", "earlyoom", "nohang", "systemd-oomd"];
const LIMIT_MIB = 100;
const RUN_MS = 30_000;
const START_MS = 60_000;

/** One leak in the machine. */
interface Leak {
  readonly isDead: boolean;
  readonly oomKills: number;
  readonly peakBytes: number;
  readonly millis: number;
}

interface Row {
  readonly killer: string;
  readonly leaks: readonly Leak[];
  /** Why there are none. */
  readonly trouble: string | null;
}

/** Who ends a leak in a container on cgroup v2: oom-guard, the kernel, or one of the others that Debian ships. */
export async function others(context: Context): Promise<TableResult> {
  const runs = context.isQuick ? 1 : 3;
  try {
    return report(await inMachine(context, runs), runs, null);
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error;
    return report([], runs, error.message);
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
      const { status, output } = await machine.run(
        `bash /payload/killers.sh ${killer} ${runs}`,
        START_MS + runs * RUN_MS,
      );
      const trouble = status === 0 ? null : `exit code ${status}: ${output.trim().split("\n").at(-1)}`;
      rows.push({ killer, leaks: leaksIn(output), trouble });
    }
    return rows;
  } finally {
    await machine.switchOff();
  }
}

function leaksIn(output: string): Leak[] {
  return [...output.matchAll(/^leak (\d) (\d+) (\d+) (\d+)$/gm)].map(([, dead, oomKills, peak, millis]) => ({
    isDead: dead === "1",
    oomKills: Number(oomKills),
    peakBytes: Number(peak),
    millis: Number(millis),
  }));
}

/** Who ended it: the kernel counts its own. */
function endedBy(killer: string, { isDead, oomKills }: Leak): string {
  if (oomKills > 0) return "kernel";
  return isDead ? killer : "nobody";
}

function report(rows: readonly Row[], runs: number, missing: string | null): TableResult {
  const peaksMib = ({ leaks }: Row) => leaks.map(({ peakBytes }) => peakBytes / MIB);
  const ours = rows.find(({ killer }) => killer === "oom-guard");
  const won = ours?.leaks.filter((leak) => endedBy("oom-guard", leak) === "oom-guard").length ?? 0;
  return {
    title: "On cgroup v2, beside others: who ends a leak in a container",
    notes: [
      missing === null
        ? `A leak of 40 MB a second into a limit of ${LIMIT_MIB}M, ${runs} runs each, in an emulated machine (Debian 12, kernel 6.1, systemd 252): its times say little, who ended the leak does. systemd-oomd has ManagedOOMMemoryPressure=kill on the slice, and its shortest duration, 1 s; the others are as Debian ships them, and watch the node's memory only.`
        : `Not measured: ${missing}`,
    ],
    headings: ["on duty", "leaks ended by", "kernel's oom_kill", "peak, M of 100", "seconds, median"],
    rows: rows.map((row) => [
      row.killer,
      row.trouble ?? tally(row.leaks.map((leak) => endedBy(row.killer, leak))),
      row.leaks.map(({ oomKills }) => oomKills).join(" / "),
      peaksMib(row)
        .map((peak) => peak.toFixed(1))
        .join(" / "),
      (median(row.leaks.map(({ millis }) => millis)) / 1000).toFixed(1),
    ]),
    goals: [
      {
        what: "v2: leaks ended by oom-guard, none by the kernel",
        goal: "every run",
        measured: missing === null ? `${won} of ${runs}` : "not measured",
        reached: missing === null ? won === runs : null,
      },
    ],
    plot: {
      title: "How far a leak comes, limit 100M (cgroup v2)",
      axis: "M, median and worst",
      scale: "linear",
      rows: rows.map((row) => ({
        label: row.killer,
        marks: [{ series: "peak", middle: median(peaksMib(row)), worst: Math.max(...peaksMib(row)) }],
      })),
      line: { at: LIMIT_MIB, label: "limit" },
    },
    raw: rows,
  };
}

/** "kernel 2, oom-guard 1" */
function tally(names: readonly string[]): string {
  return [...Map.groupBy(names, (name) => name)].map(([name, all]) => `${name} ${all.length}`).join(", ");
}
