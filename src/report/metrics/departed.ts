import type { KnownCgroup } from "../../arm/entry.ts";
import { type Counter, counterKey, isOverflow } from "../../record/incident-counts.ts";

interface Absence {
  readonly sinceMs: number;
  readonly value: number;
}

/** Long enough for every Prometheus to have seen the last value, and for a look back at the last hour to have it. */
const KEEP_MS = 3_600_000;

/** Finds the counters whose pod has been gone for so long that they may be forgotten. */
export class Departed {
  readonly #absences = new Map<string, Absence>();

  /**
   * To be called now and then: a pod is taken for gone from the first call on that finds no cgroup of it. What belongs to
   * nobody stays, and so does what still rises.
   * @param nowMs of a clock that never goes back
   */
  find(counters: readonly Counter[], cgroups: Iterable<KnownCgroup>, nowMs: number): Counter[] {
    const present = new Set(Array.from(cgroups, ({ identity }) => ownerOf(identity)));
    const left = new Set<string>();
    const found: Counter[] = [];
    for (const counter of counters) {
      const { labels, value } = counter;
      const owner = ownerOf(labels);
      if (owner === null || isOverflow(labels) || present.has(owner)) continue;
      const key = counterKey(counter);
      left.add(key);
      const absence = this.#absences.get(key);
      if (absence?.value !== value) this.#absences.set(key, { sinceMs: nowMs, value });
      else if (nowMs - absence.sinceMs >= KEEP_MS) found.push(counter);
    }
    for (const key of this.#absences.keys()) if (!left.has(key)) this.#absences.delete(key);
    return found;
  }
}

/** The pod, or the container that is in none; null: nobody is known. */
function ownerOf({ namespace, pod, container }: Names): string | null {
  if (pod) return JSON.stringify([namespace ?? "", pod]);
  return container ? JSON.stringify([container]) : null;
}

interface Names {
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
}
