import { describe, expect, test } from "bun:test";
import type { Incident } from "../../../src/record/incident.ts";
import { type Counter, countsOf, sumCounters } from "../../../src/record/incident-counts.ts";
import { incident } from "./incidents.ts";

const whose = { namespace: "default", pod: "web-0", container: "app" };
const nobodys = { namespace: "", pod: "", container: "" };

describe("an incident counts as", () => {
  test.each<[string, Partial<Incident>, [string, object][]]>([
    ["a kill", {}, [["kills", { policy: "container", ...whose }]]],
    ["a kill by another policy", { policy: "process" }, [["kills", { policy: "process", ...whose }]]],
    ["what would have been one", { kind: "would-kill", policy: "noop" }, [["would_kills", whose]]],
    ["a victim that does not die", { kind: "stuck" }, [["stuck", whose]]],
    [
      "a kill by the kernel that took the container",
      { kind: "kernel-oom", scope: "container", silent: false },
      [["kernel_oom_kills", { scope: "container", ...whose }]],
    ],
    [
      "a silent one, also among all of them",
      { kind: "kernel-oom", scope: "node", silent: true },
      [
        ["kernel_oom_kills", { scope: "node", ...whose }],
        ["silent_oom_kills", { scope: "node", ...whose }],
      ],
    ],
    [
      "one of which nothing is known",
      { kind: "kernel-oom", scope: null, silent: null, namespace: null, pod: null, container: null },
      [["kernel_oom_kills", { scope: "", ...nobodys }]],
    ],
  ])("%s", (_, changes, expected) => {
    const counted = countsOf(incident(changes));
    expect(counted.map(({ name, labels }) => [name, labels] as const)).toEqual(expected as never);
    expect(counted.every(({ value }) => value === 1)).toBe(true);
  });
});

describe("sums", () => {
  const stuck = (pod: string, value: number): Counter => ({
    name: "stuck",
    labels: { namespace: "a", pod, container: "c" },
    value,
  });
  const other = { namespace: "(other)", pod: "(other)", container: "(other)" };

  test("add what has the same name and labels, and nothing else", () => {
    const kill: Counter = { ...stuck("x", 5), name: "would_kills" };
    expect(sumCounters([stuck("x", 2), kill], [stuck("x", 1), stuck("y", 1)])).toEqual([
      stuck("x", 3),
      kill,
      stuck("y", 1),
    ]);
  });

  test("have at most so many label sets of a counter: what comes besides counts as others", () => {
    const kill: Counter = { ...stuck("x", 1), name: "would_kills" };
    const full = [stuck("x", 1), stuck("y", 1), kill];
    expect(sumCounters(full, [stuck("z", 1), stuck("y", 1), stuck("w", 1)], 2)).toEqual([
      stuck("x", 1),
      stuck("y", 2),
      kill,
      { name: "stuck", labels: other, value: 2 },
    ]);
  });

  test("keep by what policy, and whose memory ran out, of the others", () => {
    const labels = { namespace: "a", pod: "x", container: "c" };
    const kill: Counter = { name: "kills", labels: { policy: "process", ...labels }, value: 1 };
    expect(sumCounters([], [kill], 0)).toEqual([
      { name: "kills", labels: { policy: "process", ...other }, value: 1 },
    ]);
  });
});
