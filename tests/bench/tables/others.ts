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
const RUN_MS = 40_000;
const START_MS = 60_000;

/** What leaks in vm/killers.sh, and how the table calls it. */
const SCENARIOS = { container: "container", node: "node", thrash: "throttled cgroup" } as const;
type Scenario = keyof typeof SCENARIOS;

/** One leak in the machine. */
interface Leak {
  readonly scenario: Scenario;
  readonly isDead: boolean;
  readonly oomKills: number;
  readonly peakBytes: number;
  readonly millis: number;
  /** So is one that had done nothing. */
  readonly isBystanderDead: boolean;
}

/** What one on duty did. */
interface Row {
  readonly killer: string;
  readonly leaks: readonly Leak[];
  /** Its own log of it, by scenario. */
  readonly said: readonly { readonly scenario: Scenario; readonly line: string }[];
  /** Why there are none. */
  readonly trouble: string | null;
}

/** Who ends a leak in a container on cgroup v2: oom-guard, the kernel, or one of the others that Debian ships. */
export async function others(context: Context): Promise<TableResult> {
  const runs = context.isQuick ? 1 : 2;
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
      const scenarios = scenariosOf(killer, runs);
      const { status, output } = await machine.run(
        `bash /payload/killers.sh ${killer} ${scenarios.join(" ")}`,
        START_MS + scenarios.length * RUN_MS,
      );
      const trouble = status === 0 ? null : `exit code ${status}: ${output.trim().split("\n").at(-1)}`;
      rows.push({ killer, leaks: leaksIn(output), said: saidIn(output), trouble });
    }
    return rows;
  } finally {
    await machine.switchOff();
  }
}

/**
 * Who does nothing for a container has one in which it does, so that it is known to have watched. The machine must not run
 * out with nobody there: its emulated kernel was stuck in reclaim for minutes instead of killing.
 */
const WATCHES_ELSEWHERE: Readonly<Record<string, Scenario>> = {
  earlyoom: "node",
  nohang: "node",
  "systemd-oomd": "thrash",
};

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

/** Who ended it: the kernel counts its own. */
function endedBy(killer: string, { isDead, oomKills }: Leak): string {
  if (oomKills > 0) return "kernel";
  return isDead ? killer : "nobody";
}

function report(rows: readonly Row[], runs: number, missing: string | null): TableResult {
  const containersOf = ({ leaks }: Row) => leaks.filter(({ scenario }) => scenario === "container");
  const peaksMib = (leaks: readonly Leak[]) => leaks.map(({ peakBytes }) => peakBytes / MIB);
  const ours = rows.find(({ killer }) => killer === "oom-guard");
  const ourLeaks = ours === undefined ? [] : containersOf(ours);
  const won = ourLeaks.filter((leak) => endedBy("oom-guard", leak) === "oom-guard").length;
  return {
    title: "On cgroup v2, beside others: who ends a leak",
    notes:
      missing === null
        ? [
            `In an emulated machine (Debian 12, kernel 6.1, systemd 252, no swap): its times say little, who ended the leak does. The container is a leak of 40 MB a second into a limit of ${LIMIT_MIB}M, ${runs} runs each; the node one leak of 30 MB a second without a limit, when 450M of the machine's 3000M are left, beside a bystander with 50M. The throttled cgroup is one that memory.high holds at 60M while it reads files.`,
            "earlyoom and nohang are as Debian ships them, and watch the node only. systemd-oomd has ManagedOOMMemoryPressure=kill on the slice, and its shortest duration, 1 s: it acts on pressure, which a leak does not make. oom-guard guards what has a limit.",
            ...rows.flatMap(ownWords),
          ]
        : [`Not measured: ${missing}`],
    headings: [
      "what leaks",
      "on duty",
      "ended by",
      "kernel's oom_kill",
      "bystander",
      "peak, M",
      "seconds, median",
    ],
    rows: Object.entries(SCENARIOS).flatMap(([scenario, title]) =>
      rows.flatMap((row) => {
        const leaks = row.leaks.filter((leak) => leak.scenario === scenario);
        if (leaks.length === 0 && row.trouble === null) return [];
        return [
          [
            title,
            row.killer,
            row.trouble ?? tally(leaks.map((leak) => endedBy(row.killer, leak))),
            leaks.map(({ oomKills }) => oomKills).join(" / "),
            leaks.some(({ isBystanderDead }) => isBystanderDead) ? "killed" : "lives",
            peaksMib(leaks)
              .map((peak) => peak.toFixed(1))
              .join(" / "),
            (median(leaks.map(({ millis }) => millis)) / 1000).toFixed(1),
          ],
        ];
      }),
    ),
    goals: [
      {
        what: "v2: leaks ended by oom-guard, none by the kernel",
        goal: "every run",
        measured: missing === null ? `${won} of ${runs}` : "not measured",
        reached: missing === null ? won === runs : null,
      },
    ],
    plot: {
      title: "How far a leak in a container comes, limit 100M (cgroup v2)",
      axis: "M, median and worst",
      scale: "linear",
      rows: rows.map((row) => {
        const peaks = peaksMib(containersOf(row));
        return {
          label: row.killer,
          marks: [{ series: "peak", middle: median(peaks), worst: Math.max(...peaks) }],
        };
      }),
      line: { at: LIMIT_MIB, label: "limit" },
    },
    raw: rows,
  };
}

/** What it logged of the kill in the situation it watches for. */
function ownWords({ killer, said }: Row): string[] {
  const last = said.findLast(({ scenario }) => scenario === WATCHES_ELSEWHERE[killer]);
  return last === undefined ? [] : [`${killer}, ${SCENARIOS[last.scenario]}: \`${last.line}\``];
}

/** "kernel 2, oom-guard 1" */
function tally(names: readonly string[]): string {
  return [...Map.groupBy(names, (name) => name)].map(([name, all]) => `${name} ${all.length}`).join(", ");
}
