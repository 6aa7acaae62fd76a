import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Counter } from "../../../../src/record/incident-counts.ts";
import { Metrics } from "../../../../src/report/metrics/metrics.ts";
import { freePort } from "../../../support/cluster/free-port.ts";
import { until } from "../../../support/until.ts";
import { incident } from "../../record/incidents.ts";
import { scratch } from "../../record/tiny-disk.ts";
import { sources } from "./cgroups.ts";
import { keptLog } from "./log-kept.ts";

const gone: Counter = {
  name: "stuck",
  labels: { namespace: "default", pod: "web-0", container: "app" },
  value: 1,
};

let dir: ReturnType<typeof scratch>;
let metrics: Metrics;
let looks: number;
let forgotten: Counter[];
let port: number;

beforeEach(() => {
  dir = scratch();
  looks = 0;
  forgotten = [];
  port = freePort();
  const told = sources({
    counters: () => [gone],
    forgetCounters: (counters) => forgotten.push(...counters),
    nodeMemory: () => ({ totalBytes: ++looks, availableBytes: null }),
  });
  metrics = new Metrics(told, keptLog().log);
});
afterEach(async () => {
  await metrics.stop();
  dir[Symbol.dispose]();
});

const textfile = () => `${dir.path}/guard.prom`;
const get = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
const has = async (part: string) => (await get()).includes(part);

test("off is off, and nothing is looked at", async () => {
  metrics.configure({ listen: "off", textfile: "off" });
  await metrics.settled();
  metrics.tick(0);
  metrics.recorded(incident());
  metrics.reclaimed(1);
  expect(looks).toBe(0);
  expect(await get().catch(() => "nobody")).toBe("nobody");
});

test("both at once, and off again", async () => {
  metrics.configure({ listen: String(port), textfile: textfile() });
  await metrics.settled();
  expect(await has("oom_guard_build_info{version=")).toBe(true);
  await until("the file is there", () => existsSync(textfile()));
  expect(readFileSync(textfile(), "utf8")).toContain("oom_guard_build_info{version=");
  metrics.configure({ listen: "off", textfile: "off" });
  await metrics.settled();
  expect([existsSync(textfile()), await get().catch(() => "nobody")]).toEqual([false, "nobody"]);
});

test("what every process tells is served, and not in the file, where node_exporter tells the same of itself", async () => {
  metrics.configure({ listen: `:${port}`, textfile: textfile() });
  await metrics.settled();
  const served = await get();
  for (const name of ["resident_memory_bytes", "cpu_seconds_total", "start_time_seconds"])
    expect(served).toMatch(new RegExp(`^process_${name} [0-9.e+]+$`, "m"));
  await until("the file is there", () => existsSync(textfile()));
  expect(readFileSync(textfile(), "utf8")).not.toContain("process_");
});

test("however many ask, the guard looks once a second", async () => {
  metrics.configure({ listen: String(port), textfile: "off" });
  await metrics.settled();
  const texts = await Promise.all(Array.from({ length: 20 }, get));
  expect(new Set(texts.map((text) => /^oom_guard_node_memory_total_bytes .*$/m.exec(text)?.[0])).size).toBe(
    1,
  );
  expect(looks).toBe(1);
  await Bun.sleep(1000);
  await get();
  expect(looks).toBe(2);
});

test("only kills that were decided here count as decisions", async () => {
  metrics.configure({ listen: String(port), textfile: "off" });
  await metrics.settled();
  metrics.recorded(incident({ decideMicros: 210 }));
  metrics.recorded(incident({ decideMicros: null }));
  metrics.recorded(incident({ kind: "would-kill", decideMicros: 210 }));
  expect(await get()).toMatch(/^oom_guard_decide_seconds_sum 0\.00021$/m);
});

test("counters of a pod that is gone are forgotten after an hour, also where nobody reads metrics", () => {
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1000) metrics.tick(nowMs);
  expect(forgotten).toEqual([]);
  metrics.tick(3_600_000);
  expect(forgotten).toEqual([gone]);
});
