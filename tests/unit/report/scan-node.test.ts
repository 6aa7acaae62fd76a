import { describe, expect, test } from "bun:test";
import { renderNode } from "../../../src/report/scan-node.ts";
import type { ScanNode } from "../../../src/report/scan-report.ts";
import { M } from "../record/incidents.ts";
import { nodeOf } from "./scan-rows.ts";

const plain = { columns: 80, color: false, unicode: true };
const G = 1024 * M;

const known: Partial<ScanNode> = {
  linuxMemAvailableBytes: 4 * G,
  evictionThresholdBytes: 100 * M,
  distanceToEvictionBytes: 3 * G - 100 * M,
  overcommit: { mode: 1, commitLimitBytes: 4 * G, committedBytes: 9 * G },
  allocatableBytes: 7 * G,
  allocatableSource: "api",
  requestsBytes: 3.5 * G,
  limitsBytes: 10 * G,
  podsWithoutLimit: 3,
};

function factsOf(changes: Partial<ScanNode>, unknown: string | null = null): Record<string, string> {
  const text = renderNode(nodeOf(changes), unknown, { ...plain, columns: 400 });
  return Object.fromEntries(
    text
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => [line.slice(0, 12).trim(), line.slice(12)]),
  );
}

test("reads at a glance", () => {
  expect(renderNode(nodeOf(known), null, plain).split("\n")).toEqual([
    "NODE",
    "available   3G of 8G as kubelet counts it (working set 5G); Linux's own",
    "            estimate: 4G",
    "eviction    kubelet evicts below 100M available: 2.9G to go",
    "overcommit  always (1): 9G promised; CommitLimit 4G is not enforced, no request",
    "            fails",
    "requests    3.5G of 7G allocatable (50%)",
    "limits      10G (142%); 3 pods have no limit",
    "",
  ]);
});

test.each([40, 41, 60, 80, 120, 200])("no line is wider than %d columns", (columns) => {
  for (const node of [nodeOf(known), nodeOf()]) {
    for (const line of renderNode(node, "several kubelets run here and differ", { ...plain, columns }).split(
      "\n",
    ))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  }
});

test("colour adds nothing but colour, and without UTF-8 everything is ASCII", () => {
  const near = nodeOf({ ...known, distanceToEvictionBytes: M });
  const colored = renderNode(near, null, { ...plain, color: true });
  expect(colored.replaceAll(/\x1b\[\d+m/g, "")).toBe(renderNode(near, null, plain));
  expect(renderNode(near, null, { ...plain, columns: 40, unicode: false })).toMatch(/^[\x20-\x7e\n]*$/);
});

describe("what is available", () => {
  test.each<[string, Partial<ScanNode>, string]>([
    ["by an old kernel", {}, "3G of 8G as kubelet counts it (working set 5G)"],
    ["unknown", { memoryAvailableBytes: null }, "not known as kubelet counts it"],
    [
      "unknown but to Linux",
      { memoryAvailableBytes: null, linuxMemAvailableBytes: G },
      "not known as kubelet counts it; Linux's own estimate: 1G",
    ],
  ])("%s", (_promise, changes, expected) => expect(factsOf(changes).available).toBe(expected));
});

describe("eviction", () => {
  const at = (distanceToEvictionBytes: number | null) => ({
    evictionThresholdBytes: 100 * M,
    distanceToEvictionBytes,
  });
  test.each<[string, Partial<ScanNode>, string | null, string]>([
    ["has been reached", at(-5 * M), null, "kubelet evicts below 100M available, and is 5M below that"],
    ["is at hand", at(0), null, "kubelet evicts below 100M available: 0 to go"],
    ["is at an unknown distance", at(null), null, "kubelet evicts below 100M available"],
    ["never comes", {}, null, "kubelet has no threshold for memory: it waits for the kernel"],
    [
      "is unknown, and why",
      {},
      "no kubelet runs here",
      "kubelet's threshold is not known: no kubelet runs here",
    ],
  ])("%s", (_promise, changes, unknown, expected) =>
    expect(factsOf(changes, unknown).eviction).toBe(expected),
  );

  test.each<[string, number, string | null]>([
    ["below the threshold: red", -1, "31"],
    ["at it: kubelet waits one byte longer", 0, "33"],
    ["within twice of it: yellow", 100 * M - 1, "33"],
    ["farther: plain", 100 * M, null],
  ])("%s", (_promise, distance, color) => {
    const line = renderNode(nodeOf(at(distance)), null, { ...plain, columns: 200, color: true }).split(
      "\n",
    )[2];
    if (color === null) expect(line).not.toContain("\x1b");
    else expect(line).toContain(`\x1b[${color}mkubelet evicts`);
  });
});

describe("overcommit", () => {
  test.each<[string, ScanNode["overcommit"], string]>([
    [
      "heuristic",
      { mode: 0, commitLimitBytes: 4 * G, committedBytes: 9 * G },
      "heuristic (0): 9G promised; CommitLimit 4G is not enforced, only absurd requests fail",
    ],
    [
      "always",
      { mode: 1, commitLimitBytes: 4 * G, committedBytes: 9 * G },
      "always (1): 9G promised; CommitLimit 4G is not enforced, no request fails",
    ],
    [
      "strict",
      { mode: 2, commitLimitBytes: 4 * G, committedBytes: 3 * G },
      "strict (2): 3G promised, 1G left of CommitLimit 4G; beyond it allocations fail (ENOMEM): processes fail instead of being OOM-killed",
    ],
    [
      "strict, and used up",
      { mode: 2, commitLimitBytes: 4 * G, committedBytes: 5 * G },
      "strict (2): 5G promised, 0 left of CommitLimit 4G; beyond it allocations fail (ENOMEM): processes fail instead of being OOM-killed",
    ],
    ["of an unknown kind", { mode: null, commitLimitBytes: 4, committedBytes: 5 }, "not known"],
    ["of an unknown size", { mode: 2, commitLimitBytes: null, committedBytes: 5 }, "not known"],
  ])("%s", (_promise, overcommit, expected) => expect(factsOf({ overcommit }).overcommit).toBe(expected));
});

describe("requests and limits", () => {
  const sums = { requestsBytes: 2 * G, limitsBytes: 10 * G, podsWithoutLimit: 1 };
  test.each<[string, Partial<ScanNode>, string, string]>([
    ["nobody told", {}, "not known without the API server", "not known without the API server"],
    [
      "only the cgroup tells",
      { allocatableBytes: 4 * G, allocatableSource: "cgroup" },
      "not known without the API server (4G allocatable, by the limit of the pods' cgroup)",
      "not known without the API server",
    ],
    [
      "the cgroup tells what is allocatable",
      { ...sums, allocatableBytes: 4 * G, allocatableSource: "cgroup" },
      "2G of 4G allocatable (50%, by the limit of the pods' cgroup)",
      "10G (250%); 1 pod has no limit",
    ],
    [
      "what is allocatable is not known",
      sums,
      "2G; how much is allocatable is not known",
      "10G; 1 pod has no limit",
    ],
    [
      "nothing is asked for, all is limited",
      {
        requestsBytes: 0,
        limitsBytes: 0,
        podsWithoutLimit: 0,
        allocatableBytes: 4 * G,
        allocatableSource: "api",
      },
      "0 of 4G allocatable (0%)",
      "0 (0%)",
    ],
    [
      "nothing is allocatable",
      { ...sums, allocatableBytes: 0, allocatableSource: "api" },
      "2G of 0 allocatable (?)",
      "10G (?); 1 pod has no limit",
    ],
  ])("%s", (_promise, changes, requests, limits) => {
    expect(factsOf(changes)).toMatchObject({ requests, limits });
  });
});
