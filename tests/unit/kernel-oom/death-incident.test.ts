import { expect, test } from "bun:test";
import { type DeathFacts, deathIncident, killId } from "../../../src/kernel-oom/death-incident.ts";
import type { Death } from "../../../src/kernel-oom/matcher.ts";
import { M } from "../record/incidents.ts";
import { APP, counted, identity, kill } from "./kills.ts";

const app = { namespace: "default", pod: "web-0", podUid: "uid", container: "app", containerId: "id" };
const facts: DeathFacts = {
  identity: identity({ kind: "container", ...app }),
  policy: "noop",
  scope: "pod",
  silent: true,
  timeMs: 1234,
};
const of = (death: Partial<Death>) =>
  deathIncident({ kills: [], counted: [], happenedMs: 0, heardMs: 0, ...death }, facts, () => "told");

test("what the log told is an incident with its victim", () => {
  expect(of({ kills: [kill()] })).toEqual({
    id: "told",
    timeMs: 1234,
    kind: "kernel-oom",
    trigger: "kmsg",
    policy: "noop",
    cgroup: APP,
    ...app,
    limitBytes: 100 * M,
    thresholdBytes: null,
    usageBytes: 100 * M,
    reclaimableBytes: null,
    victims: [{ pid: 100, comm: "worker", rssBytes: 80 * M, oomScoreAdj: 2, badness: null }],
    victimCount: 1,
    scope: "pod",
    silent: true,
    decideMicros: null,
    deadMillis: null,
    event: { state: "off", attempts: 0, name: null, reason: null },
  });
});

test("what only the counter told keeps its name, its time and its numbers", () => {
  const one = counted({ id: "c", timeMs: 99, thresholdBytes: 98 * M });
  expect(of({ counted: [one] })).toEqual({
    ...one.incident,
    ...app,
    policy: "noop",
    scope: "pod",
    silent: true,
  });
});

test("where both told, the log counts; the threshold is that of the cgroup at its limit, or nobody's", () => {
  const both = { kills: [kill()], counted: [counted({ thresholdBytes: 98 * M })] };
  expect(of(both)).toMatchObject({ id: "told", trigger: "kmsg", thresholdBytes: 98 * M, victimCount: 1 });
  expect(of({ ...both, kills: [kill({ limitBytes: 300 * M })] }).thresholdBytes).toBeNull();
});

test("where the log has no cgroup, that of the counter; where nobody has one, the root", () => {
  const nowhere = kill({ victimCgroup: null });
  expect(of({ kills: [nowhere], counted: [counted()] }).cgroup).toBe(APP);
  expect(of({ kills: [nowhere] }).cgroup).toBe("/");
});

test("a cgroup that died as one: all are counted, 32 are listed", () => {
  const kills = Array.from({ length: 40 }, (_, pid) => kill({ pid, wholeCgroup: "/whole" }));
  const incident = of({ kills });
  expect([incident.cgroup, incident.victimCount, incident.victims.length]).toEqual(["/whole", 40, 32]);
});

test("the name of a kill is always the same, unique in its boot and beyond, and sorts by time", () => {
  const name = (changes = {}, boot = "boot") => killId(kill(changes), boot, Date.UTC(2026, 0, 2));
  expect(name()).toBe(name());
  expect(name()).toMatch(/^[0-9a-z]{9}-[0-9a-z]{7}-k[0-9a-z]+$/);
  expect(new Set([name(), name({ seq: 1 }), name({}, "other")]).size).toBe(3);
  expect(name({ bootMicros: 60_001_000 }) > name({ seq: 999_999 })).toBe(true);
});
