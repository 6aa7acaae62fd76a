import { describe, expect, test } from "bun:test";
import * as prom from "prom-client";
import type { Counter } from "../../../../src/record/incident-counts.ts";
import { MetricSet } from "../../../../src/report/metrics/metric-set.ts";
import type { MetricSources } from "../../../../src/report/metrics/sources.ts";
import { samplesOf } from "../../../support/metrics-text.ts";
import { cgroup, M, sources } from "./cgroups.ts";

/** The text of a guard as it is now. */
async function textOf(changes: Partial<MetricSources>, isSentinelUp = true): Promise<string> {
  const set = new MetricSet(prom, "1.2.3", sources(changes));
  set.refresh(isSentinelUp);
  return set.registry.metrics();
}

const valuesOf = async (changes: Partial<MetricSources>, isSentinelUp = true) =>
  Object.fromEntries(samplesOf(await textOf(changes, isSentinelUp)));

const WHOSE = '{namespace="default",pod="web-0",container="app"}';

test("a guard that has nothing to tell tells how it is", async () => {
  expect(await valuesOf({})).toMatchObject({
    'oom_guard_build_info{version="1.2.3"}': 1,
    oom_guard_watched_cgroups: 0,
    oom_guard_unarmed_cgroups: 0,
    oom_guard_sentinel_up: 1,
    oom_guard_store_up: 1,
    oom_guard_kernel_log_up: 1,
    oom_guard_node_memory_total_bytes: 1000 * M,
    oom_guard_node_memory_available_bytes: 600 * M,
    oom_guard_outbox_events: 0,
    oom_guard_outbox_oldest_seconds: 0,
    'oom_guard_skips_total{reason="cache"}': 0,
    'oom_guard_skips_total{reason="no-victim"}': 0,
    oom_guard_reclaims_total: 0,
    oom_guard_reclaimed_bytes_total: 0,
    oom_guard_decide_seconds_count: 0,
  });
});

test("one that is not well tells that", async () => {
  const unwell = { isStoring: () => false, isKernelLogRead: () => false };
  expect(await valuesOf(unwell, false)).toMatchObject({
    oom_guard_sentinel_up: 0,
    oom_guard_store_up: 0,
    oom_guard_kernel_log_up: 0,
  });
});

test("what nobody knows is not there", async () => {
  const values = await valuesOf({
    outbox: () => null,
    nodeMemory: () => ({ totalBytes: 1, availableBytes: null }),
  });
  const names = Object.keys(values).filter((name) => /outbox|node_memory/.test(name));
  expect(names).toEqual(["oom_guard_node_memory_total_bytes"]);
});

test("what is known again is there again", async () => {
  let outbox: ReturnType<MetricSources["outbox"]> = null;
  const set = new MetricSet(prom, "1", sources({ outbox: () => outbox }));
  set.refresh(true);
  outbox = { events: 3, oldestMs: Date.now() - 60_000 };
  set.refresh(true);
  const values = samplesOf(await set.registry.metrics());
  expect(values.get("oom_guard_outbox_events")).toBe(3);
  expect(values.get("oom_guard_outbox_oldest_seconds")).toBeCloseTo(60, 0);
});

test("a clock that was set back makes nothing younger than now", async () => {
  const values = await valuesOf({ outbox: () => ({ events: 1, oldestMs: Date.now() + 60_000 }) });
  expect(values.oom_guard_outbox_oldest_seconds).toBe(0);
});

test("cgroups are told by what they are armed for", async () => {
  const cgroups = () => [
    cgroup("/a"),
    cgroup("/b", { kind: "pod" }),
    cgroup("/c", {}, { state: "unarmed" }),
    cgroup("/d", {}, { state: "not to be armed", limitBytes: Number.POSITIVE_INFINITY }),
  ];
  expect(await valuesOf({ cgroups })).toMatchObject({
    oom_guard_watched_cgroups: 2,
    oom_guard_unarmed_cgroups: 1,
  });
});

describe("a container", () => {
  test("has its numbers", async () => {
    expect(await valuesOf({ cgroups: () => [cgroup("/a")], requestBytes: () => 64 * M })).toMatchObject({
      [`oom_guard_container_limit_bytes${WHOSE}`]: 100 * M,
      [`oom_guard_container_threshold_bytes${WHOSE}`]: 98 * M,
      [`oom_guard_container_usage_bytes${WHOSE}`]: 50 * M,
      [`oom_guard_container_working_set_bytes${WHOSE}`]: 40 * M,
      [`oom_guard_container_request_bytes${WHOSE}`]: 64 * M,
    });
  });

  test("has no request where none is known", async () => {
    const text = await textOf({ cgroups: () => [cgroup("/a")] });
    expect(text).not.toContain("oom_guard_container_request_bytes{");
  });

  test("that is removed while it is read, or before, has none", async () => {
    expect(await textOf({ cgroups: () => [cgroup("/a")], usageOf: () => null })).not.toContain("web-0");
    let cgroups = [cgroup("/a")];
    const set = new MetricSet(prom, "1", sources({ cgroups: () => cgroups }));
    set.refresh(true);
    expect(await set.registry.metrics()).toContain("web-0");
    cgroups = [];
    set.refresh(true);
    expect(await set.registry.metrics()).not.toContain("web-0");
  });
});

describe("what incidents add up to", () => {
  const whose = { namespace: "default", pod: "web-0", container: "app" };
  const counters: Counter[] = [
    { name: "kills", labels: { policy: "container", ...whose }, value: 3 },
    { name: "would_kills", labels: whose, value: 4 },
    { name: "stuck", labels: whose, value: 5 },
    { name: "kernel_oom_kills", labels: { scope: "node", ...whose }, value: 6 },
    { name: "silent_oom_kills", labels: { scope: "node", ...whose }, value: 7 },
  ];
  const names = 'namespace="default",pod="web-0",container="app"}';

  test("is told by its contract", async () => {
    expect(await valuesOf({ counters: () => counters })).toMatchObject({
      [`oom_guard_kills_total{policy="container",${names}`]: 3,
      [`oom_guard_would_kills_total{${names}`]: 4,
      [`oom_guard_stuck_total{${names}`]: 5,
      [`oom_guard_kernel_oom_kills_total{scope="node",${names}`]: 6,
      [`oom_guard_silent_oom_kills_total{scope="node",${names}`]: 7,
    });
  });

  test("is told as it is each time, and not added up again", async () => {
    let told = counters;
    const set = new MetricSet(prom, "1", sources({ counters: () => told }));
    set.refresh(true);
    set.refresh(true);
    expect(samplesOf(await set.registry.metrics()).get(`oom_guard_stuck_total{${names}`)).toBe(5);
    told = [];
    set.refresh(true);
    expect(await set.registry.metrics()).not.toContain("web-0");
  });
});

test("why nobody was killed is told by the reason's place", async () => {
  const values = await valuesOf({ skips: new Uint32Array([1, 2, 3, 4, 5, 6, 7]) });
  const reasons = Object.entries(values).filter(([name]) => name.startsWith("oom_guard_skips_total"));
  expect(reasons.map(([name, value]) => [/"(.*)"/.exec(name)?.[1], value])).toEqual([
    ["cache", 1],
    ["slack", 2],
    ["swap", 3],
    ["blocked", 4],
    ["kernel", 5],
    ["no-victim", 6],
    ["noop", 7],
  ]);
});

test("kills and reclaims that are over are told", async () => {
  const set = new MetricSet(prom, "1", sources());
  for (const seconds of [0.0002, 0.0003, 0.2]) set.decided(seconds);
  set.reclaimed(10 * M);
  set.reclaimed(0);
  set.refresh(true);
  const values = Object.fromEntries(samplesOf(await set.registry.metrics()));
  expect(values).toMatchObject({
    'oom_guard_decide_seconds_bucket{le="0.0001"}': 0,
    'oom_guard_decide_seconds_bucket{le="0.00025"}': 1,
    'oom_guard_decide_seconds_bucket{le="0.1"}': 2,
    'oom_guard_decide_seconds_bucket{le="+Inf"}': 3,
    oom_guard_reclaims_total: 2,
    oom_guard_reclaimed_bytes_total: 10 * M,
  });
});

test.each([
  ["a quote and a brace", 'a"} 1', 'a\\"} 1'],
  ["a backslash", "a\\", "a\\\\"],
  ["a line of its own", "a\noom_guard_kills_total 7", "a\\\\x0aoom_guard_kills_total 7"],
  ["what a terminal obeys", "a\x1b[2J", "a\\\\x1b[2J"],
])("no name gets out of its label: %s", async (_, name, shown) => {
  const text = await textOf({
    cgroups: () => [cgroup("/a", { container: name })],
    counters: () => [{ name: "stuck", labels: { namespace: "", pod: "", container: name }, value: 1 }],
  });
  expect(text).toContain(
    `oom_guard_container_limit_bytes{namespace="default",pod="web-0",container="${shown}"}`,
  );
  expect(text).toContain(`oom_guard_stuck_total{namespace="",pod="",container="${shown}"} 1\n`);
});
