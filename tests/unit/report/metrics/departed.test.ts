import { expect, test } from "bun:test";
import type { Counter, CounterLabels } from "../../../../src/record/incident-counts.ts";
import { Departed } from "../../../../src/report/metrics/departed.ts";
import { cgroup } from "./cgroups.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

const counter = (labels: Partial<CounterLabels> = {}, value = 1): Counter => ({
  name: "stuck",
  labels: { namespace: "default", pod: "web-0", container: "app", ...labels },
  value,
});

test("a pod's counters are given up an hour after its last cgroup is gone, and not before", () => {
  const departed = new Departed();
  expect(departed.find([counter()], [cgroup("/a")], 0)).toEqual([]);
  expect(departed.find([counter()], [], MINUTE)).toEqual([]);
  expect(departed.find([counter()], [], HOUR)).toEqual([]);
  expect(departed.find([counter()], [], HOUR + MINUTE)).toEqual([counter()]);
});

test("a pod that came back begins a new hour when it goes again", () => {
  const departed = new Departed();
  departed.find([counter()], [], 0);
  departed.find([counter()], [cgroup("/a")], HOUR / 2);
  departed.find([counter()], [], HOUR);
  expect(departed.find([counter()], [], HOUR + MINUTE)).toEqual([]);
  expect(departed.find([counter()], [], 2 * HOUR)).toEqual([counter()]);
});

test("what still rises begins a new hour, too", () => {
  const departed = new Departed();
  departed.find([counter({}, 1)], [], 0);
  expect(departed.find([counter({}, 2)], [], HOUR)).toEqual([]);
  expect(departed.find([counter({}, 2)], [], 2 * HOUR)).toEqual([counter({}, 2)]);
});

test.each<[string, Counter, Parameters<typeof cgroup>[1] | null]>([
  ["another container of the pod is there", counter(), { container: "proxy" }],
  ["its pod is there without containers", counter(), { kind: "pod", container: null }],
  ["a container in no pod is there", counter({ namespace: "", pod: "" }), { namespace: null, pod: null }],
  ["it is nobody's", counter({ namespace: "", pod: "", container: "" }), null],
  ["it is all others'", counter({ namespace: "(other)", pod: "(other)", container: "(other)" }), null],
])("a counter stays for ever: %s", (_, kept, names) => {
  const departed = new Departed();
  const cgroups = names === null ? [] : [cgroup("/a", names)];
  departed.find([kept], cgroups, 0);
  expect(departed.find([kept], cgroups, 2 * HOUR)).toEqual([]);
});

test.each<[string, Parameters<typeof cgroup>[1]]>([
  ["a pod of that name in another namespace", { namespace: "other" }],
  ["another pod with a container of that name", { pod: "web-1" }],
  ["a container of that name in no pod", { namespace: null, pod: null }],
])("%s keeps nothing", (_, names) => {
  const departed = new Departed();
  departed.find([counter()], [cgroup("/a", names)], 0);
  expect(departed.find([counter()], [cgroup("/a", names)], HOUR)).toEqual([counter()]);
});
