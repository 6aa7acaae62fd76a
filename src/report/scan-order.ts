import type { ScanRow } from "./scan-report.ts";

/** A row of the scan in reading order: a pod's containers follow it, one level deeper. */
export interface PlacedRow {
  readonly row: ScanRow;
  /** The row of the pod this one lies in, when that is shown above it. */
  readonly parent: ScanRow | null;
}

const URGENCY = { over: 0, near: 1, ok: 2 } as const;

/**
 * Closest to the edge first, a pod as close as the closest of its containers, and each pod's containers below it in
 * the same order. Who lies in whom is told by the cgroup paths: names can be missing, or lie.
 */
export function inReadingOrder(rows: readonly ScanRow[]): PlacedRow[] {
  const pods = new Map(rows.filter((row) => row.kind === "pod").map((row) => [row.cgroup, row]));
  const groups = new Map<ScanRow, ScanRow[]>();
  for (const row of rows) {
    const head = podAbove(row, pods) ?? row;
    const members = groups.get(head) ?? [];
    if (row !== head) members.push(row);
    groups.set(head, members);
  }

  const closest = ([head, members]: [ScanRow, ScanRow[]]) => [head, ...members].sort(byCloseness)[0] ?? head;
  return [...groups]
    .map((group) => ({ group, edge: closest(group) }))
    .sort((a, b) => byCloseness(a.edge, b.edge))
    .flatMap(({ group: [head, members] }) => [
      { row: head, parent: null },
      ...members.sort(byCloseness).map((row) => ({ row, parent: head })),
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
  return URGENCY[a.state] - URGENCY[b.state] || fill(b) - fill(a) || compare(a.cgroup, b.cgroup);
}

/** Share of the threshold that is used: 1 is where the guard acts. */
function fill(row: ScanRow): number {
  return row.thresholdBytes > 0 ? row.usageBytes / row.thresholdBytes : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
