import { defaults } from "../../../src/config/defaults.ts";
import { marginBytes } from "../../../src/decide/margin.ts";
import { MIB } from "../../support/cgroup.ts";
import type { Load } from "../leak.ts";
import type { Goal, TableResult } from "../result.ts";

/** One cell of the table: what raced, and how each race ended. */
export interface Cell extends Load {
  readonly limitMib: number;
  /** By contestant. */
  readonly runs: Record<string, Outcome[]>;
}

export interface Outcome {
  /** Kills by the kernel's own OOM killer. */
  readonly oomKills: number;
  /** Nobody killed it. */
  readonly hung: boolean;
  /** It came to the limit: in hold mode it waited there. */
  readonly isAtLimit: boolean;
}

/** What they are called. */
export interface Names {
  readonly ours: string;
  readonly floor: string;
  /** null: this oom-guard has no such mode. */
  readonly hold: string | null;
  readonly nobody: string;
}

const HUGE_PAGE_BYTES = 2 * MIB;
const LARGE_MIB = 1000;

/** The share of races that the kernel did not win; NaN where there were none. */
export function wonShare({ runs }: Cell, name: string): number {
  const outcomes = runs[name] ?? [];
  return outcomes.filter(isWon).length / outcomes.length;
}

function isWon({ oomKills, hung }: Outcome): boolean {
  return oomKills === 0 && !hung;
}

/** Whether two page faults go through the whole margin: nobody who is told after the first is sure to be there in time. */
export function isPhysics({ huge, limitMib }: Cell): boolean {
  return huge && marginBytes(limitMib * MIB, defaults) < 2 * HUGE_PAGE_BYTES;
}

/** @param hasRoom whether the largest limit could be measured */
export function raceReport(cells: readonly Cell[], names: Names, hasRoom: boolean): TableResult {
  const groups = Map.groupBy(cells, titleOf);
  const contestants = [names.ours, names.floor, ...(names.hold === null ? [] : [names.hold])];
  const physics = cells.filter(isPhysics);
  return {
    title: "The race: share of leaks that the kernel's OOM killer did not get",
    notes: [
      `${runCounts(cells, contestants)}. In each place: with 1, 2 and 8 threads. The two without hold take turns; the C floor is started when the cache is there, as one that watched before would have killed who reads.`,
      ...(names.hold === null
        ? ['Hold mode is not available: with `kernel_oom = "hold"` memory.oom_control stays 0.']
        : []),
      ...(hasRoom ? [] : ["Limits of 8G need 18G of free memory: left out."]),
      `Without any guard: ${nobodySaid(cells, names.nobody)}.`,
      `In all: ${contestants.map((name) => totalOf(cells, name)).join("; ")}.`,
      `* Where physics may win, as the margin is below two huge pages: ${physics.length} cells. There: ${contestants.map((name) => totalOf(physics, name)).join("; ")}.`,
    ],
    headings: ["limit", "pages", "before", names.ours, names.floor, names.hold ?? "hold"],
    rows: [...groups.values()].map((group) => {
      const [{ limitMib, huge, isCacheFull }] = group as [Cell];
      const shares = (name: string | null) =>
        name === null ? "not available" : group.map((cell) => percent(wonShare(cell, name))).join(" / ");
      return [
        `${sizeOf(limitMib)}${group.some(isPhysics) ? " *" : ""}`,
        huge ? "huge" : "4K",
        isCacheFull ? "cache-full" : "empty",
        ...[names.ours, names.floor, names.hold].map(shares),
      ];
    }),
    goals: goalsOf(cells, names),
    plot: {
      title: "Races won against the kernel's OOM killer",
      axis: "% of races; ring: with the number of threads that does worst",
      scale: "linear",
      rows: [...groups].map(([label, group]) => ({
        label,
        marks: contestants.map((series) => ({
          series,
          middle: 100 * meanOf(group, series),
          worst: 100 * Math.min(...group.map((cell) => wonShare(cell, series))),
        })),
      })),
    },
    raw: cells,
  };
}

function goalsOf(cells: readonly Cell[], { ours, floor, hold }: Names): Goal[] {
  const count = (what: string, of: readonly Cell[], isFine: (cell: Cell) => boolean): Goal => {
    const bad = of.filter((cell) => !isFine(cell));
    const worst = bad.map((cell) => `${titleOf(cell)}, ${cell.threads} threads`).slice(0, 3);
    return {
      what,
      goal: "every cell",
      measured: `${of.length - bad.length} of ${of.length}${bad.length === 0 ? "" : `, not: ${worst.join("; ")}${bad.length > 3 ? "; ..." : ""}`}`,
      reached: bad.length === 0,
    };
  };
  const large = cells.filter(({ limitMib }) => limitMib >= LARGE_MIB);
  return [
    count("race: at or above the C floor", cells, (cell) => wonShare(cell, ours) >= wonShare(cell, floor)),
    count("race: 100 % at 1000M and above", large, (cell) => wonShare(cell, ours) === 1),
    hold === null
      ? { what: "race: hold mode 100 %", goal: "every cell", measured: "not available", reached: null }
      : count("race: hold mode 100 %", cells, (cell) => wonShare(cell, hold) === 1),
  ];
}

function runCounts(cells: readonly Cell[], contestants: readonly string[]): string {
  const counts = contestants.map((name) => `${cells[0]?.runs[name]?.length ?? 0} runs of ${name}`);
  return `In each cell ${counts.join(", ")}`;
}

/** How many it won, and in how many of those the leak had come to the limit. */
function totalOf(cells: readonly Cell[], name: string): string {
  const outcomes = cells.flatMap(({ runs }) => runs[name] ?? []);
  const won = outcomes.filter(isWon);
  const atLimit = won.filter(({ isAtLimit }) => isAtLimit);
  return `${name} won ${won.length} of ${outcomes.length} (${atLimit.length} of them after the leak stood at the limit)`;
}

function nobodySaid(cells: readonly Cell[], nobody: string): string {
  const outcomes = cells.flatMap(({ runs }) => runs[nobody] ?? []);
  const killed = outcomes.filter(({ oomKills }) => oomKills > 0).length;
  return `the kernel's OOM killer ended ${killed} of ${outcomes.length} (1000M, 1 thread, 4K pages, empty)`;
}

function meanOf(cells: readonly Cell[], name: string): number {
  return cells.reduce((sum, cell) => sum + wonShare(cell, name), 0) / cells.length;
}

function titleOf({ limitMib, huge, isCacheFull }: Cell): string {
  return `${sizeOf(limitMib)}, ${huge ? "huge" : "4K"} pages, ${isCacheFull ? "cache-full" : "empty"}`;
}

function sizeOf(mib: number): string {
  return mib >= 8192 ? `${mib / 1024}G` : `${mib}M`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "-" : `${Math.round(share * 100)} %`;
}
