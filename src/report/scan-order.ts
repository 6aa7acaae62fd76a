import { pathOf } from "./names.ts";
import type { ScanRow } from "./scan-report.ts";

/** A row of the scan in reading order: a pod's containers follow it, one level deeper. */
export interface PlacedRow {
  readonly row: ScanRow;
  /** The row of the pod this one lies in, when that is shown above it. */
  readonly parent: ScanRow | null;
}

/** What rows can be sorted by: the least headroom, the most of what is counted, the first name. */
export const sortKeys = ["headroom", "usage", "limit", "overcommit", "waste", "name"] as const;
export type SortKey = (typeof sortKeys)[number];

type Compare = (a: ScanRow, b: ScanRow) => number;

const URGENCY = { over: 0, near: 1, ok: 2 } as const;

const comparisons: Readonly<Record<SortKey, Compare>> = {
  headroom: (a, b) => a.headroomBytes - b.headroomBytes,
  usage: most(({ usageBytes }) => usageBytes),
  limit: most(({ limitBytes }) => limitBytes),
  overcommit: most(({ overcommitBytes }) => overcommitBytes),
  waste: most(({ wasteBytes }) => wasteBytes),
  name: (a, b) => compare(pathOf(a), pathOf(b)),
};

/**
 * Closest to the edge first, or sorted by what is asked for; a pod stands where the first of its containers would, and
 * its containers below it in the same order. Who lies in whom is told by the cgroup paths: names can be missing, or lie.
 */
export function inReadingOrder(rows: readonly ScanRow[], sort: SortKey | null = null): PlacedRow[] {
  const byWish = sort === null ? byCloseness : comparisons[sort];
  const order: Compare = (a, b) => byWish(a, b) || compare(a.cgroup, b.cgroup);
  const pods = new Map(rows.filter((row) => row.kind === "pod").map((row) => [row.cgroup, row]));
  const groups = new Map<ScanRow, ScanRow[]>();
  for (const row of rows) {
    const head = podAbove(row, pods) ?? row;
    const members = groups.get(head) ?? [];
    if (row !== head) members.push(row);
    groups.set(head, members);
  }

  const first = ([head, members]: [ScanRow, ScanRow[]]) => [head, ...members].sort(order)[0] ?? head;
  return [...groups]
    .map((group) => ({ group, edge: first(group) }))
    .sort((a, b) => order(a.edge, b.edge))
    .flatMap(({ group: [head, members] }) => [
      { row: head, parent: null },
      ...members.sort(order).map((row) => ({ row, parent: head })),
    ]);
}

function podAbove(row: ScanRow, pods: ReadonlyMap<string, ScanRow>): ScanRow | null {
  if (row.kind === "pod") return null;
  for (let end = row.cgroup.lastIndexOf("/"); end > 0; end = row.cgroup.lastIndexOf("/", end - 1)) {
    const pod = pods.get(row.cgroup.slice(0, end));
    if (pod !== undefined) return pod;
  }
  return null;
}

function byCloseness(a: ScanRow, b: ScanRow): number {
  return URGENCY[a.state] - URGENCY[b.state] || fill(b) - fill(a);
}

/** Share of the threshold that is used: 1 is where the guard acts. */
function fill(row: ScanRow): number {
  return row.thresholdBytes > 0 ? row.usageBytes / row.thresholdBytes : 1;
}

/** The largest first; what is not known comes last. */
function most(bytesOf: (row: ScanRow) => number | null): Compare {
  return (a, b) => (bytesOf(b) ?? -1) - (bytesOf(a) ?? -1);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
