import type { Incident } from "./incident.ts";

/** What incidents are counted as. */
export type CounterName = "kills" | "would_kills" | "stuck" | "kernel_oom_kills" | "silent_oom_kills";

/** What is counted apart. A fact that is not known is "". */
export interface CounterLabels {
  readonly policy?: string;
  readonly scope?: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** A counter as it stands, or what is to be added to it. */
export interface Counter {
  readonly name: CounterName;
  readonly labels: CounterLabels;
  readonly value: number;
}

/** How many label sets a counter may have: a node runs 110 pods by default, and those of the last hour count too. */
export const MAX_LABEL_SETS = 1000;

const OTHER = "(other)";

/** What an incident adds to which counters. What the kernel killed silently is among what it killed. */
export function countsOf({ kind, policy, scope, silent, namespace, pod, container }: Incident): Counter[] {
  const value = 1;
  const whose = { namespace: namespace ?? "", pod: pod ?? "", container: container ?? "" };
  switch (kind) {
    case "kill":
      return [{ name: "kills", labels: { policy, ...whose }, value }];
    case "would-kill":
      return [{ name: "would_kills", labels: whose, value }];
    case "stuck":
      return [{ name: "stuck", labels: whose, value }];
    case "kernel-oom": {
      const labels = { scope: scope ?? "", ...whose };
      const struck: Counter = { name: "kernel_oom_kills", labels, value };
      return silent ? [struck, { name: "silent_oom_kills", labels, value }] : [struck];
    }
  }
}

/** Where a counter that has all the label sets it may have counts what comes besides. */
export function overflow(labels: CounterLabels): CounterLabels {
  return { ...labels, namespace: OTHER, pod: OTHER, container: OTHER };
}

/** Whether that is what it is: nobody's in particular. */
export function isOverflow({ namespace, pod, container }: CounterLabels): boolean {
  return namespace === OTHER && pod === OTHER && container === OTHER;
}

/** A text of its own for each counter. */
export function counterKey({ name, labels }: Pick<Counter, "name" | "labels">): string {
  return `${name} ${JSON.stringify(labels)}`;
}

/** The counters with others added to them, none with more label sets than it may have. */
export function sumCounters(
  counters: readonly Counter[],
  added: readonly Counter[],
  maxLabelSets = MAX_LABEL_SETS,
): readonly Counter[] {
  if (added.length === 0) return counters;
  const sums = new Map(counters.map((counter) => [counterKey(counter), counter]));
  const sets = new Map<CounterName, number>();
  for (const { name } of counters) sets.set(name, (sets.get(name) ?? 0) + 1);
  for (const counter of added) {
    const { name, labels, value } = counter;
    const isFull = !sums.has(counterKey(counter)) && (sets.get(name) ?? 0) >= maxLabelSets;
    const into = { name, labels: isFull ? overflow(labels) : labels };
    const key = counterKey(into);
    if (!sums.has(key)) sets.set(name, (sets.get(name) ?? 0) + 1);
    sums.set(key, { ...into, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}
