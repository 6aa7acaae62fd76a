import { MIB } from "../../support/cgroup.ts";
import type { TableResult } from "../result.ts";
import { median } from "../statistics.ts";

const LIMIT_MIB = 100;

/** What leaks in vm/killers.sh, and how the table calls it. */
const SCENARIOS = { container: "container", node: "node", thrash: "throttled cgroup" } as const;
export type Scenario = keyof typeof SCENARIOS;

/** One leak in the machine. */
export interface Leak {
  readonly scenario: Scenario;
  readonly isDead: boolean;
  readonly oomKills: number;
  readonly peakBytes: number;
  readonly millis: number;
  /** So is one that had done nothing. */
  readonly isBystanderDead: boolean;
}

/** What one on duty did. */
export interface Row {
  readonly killer: string;
  readonly leaks: readonly Leak[];
  /** Its own log of it, by scenario. */
  readonly said: readonly { readonly scenario: Scenario; readonly line: string }[];
  /** Why there are none. */
  readonly trouble: string | null;
  /** The machine does not answer any more. */
  readonly isStuck: boolean;
}

/**
 * Who does nothing for a container has one in which it does, so that it is known to have watched. The machine must not run
 * out with nobody there: its emulated kernel was stuck in reclaim for minutes instead of killing.
 */
export const WATCHES_ELSEWHERE: Readonly<Record<string, Scenario>> = {
  earlyoom: "node",
  nohang: "node",
  "systemd-oomd": "thrash",
};

/** Who ended it: the kernel counts its own. */
function endedBy(killer: string, { isDead, oomKills }: Leak): string {
  if (oomKills > 0) return "kernel";
  return isDead ? killer : "nobody";
}

/** @param missing why nothing could be measured */
export function othersReport(rows: readonly Row[], runs: number, missing: string | null): TableResult {
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
        if (leaks.length === 0 && (row.trouble === null || scenario !== "container")) return [];
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
