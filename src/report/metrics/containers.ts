import type { KnownCgroup } from "../../arm/entry.ts";
import { type NameLabels, nameLabels, namesKey } from "./labels.ts";

/** The cgroup whose numbers a label set has. */
export interface ContainerSeries {
  readonly labels: NameLabels;
  readonly of: KnownCgroup;
}

/**
 * The limited containers, one for each set of names. Where several cgroups have the same names the newest is meant: while
 * a container is restarted there are its old one and its new one. What lies inside of a container has its names too, and
 * counts only where nothing else has them. Pods are left out: sums over their containers would count them twice.
 */
export function containerSeries(cgroups: Iterable<KnownCgroup>): ContainerSeries[] {
  const series = new Map<string, ContainerSeries>();
  for (const of of cgroups) {
    const { kind } = of.identity;
    if ((kind !== "container" && kind !== "other") || of.limitBytes === Number.POSITIVE_INFINITY) continue;
    const labels = nameLabels(of.identity);
    const key = namesKey(labels);
    const other = series.get(key);
    if (kind === "other" && other?.of.identity.kind === "container") continue;
    series.set(key, { labels, of });
  }
  return [...series.values()];
}
