import { describe, expect, test } from "bun:test";
import { draftIncident, type IncidentFacts } from "../../../src/record/draft.ts";
import { M, victim } from "./incidents.ts";

const facts: IncidentFacts = {
  kind: "kill",
  trigger: "threshold",
  policy: "container",
  cgroup: "/kubepods/pod1",
  identity: {
    kind: "container",
    namespace: "default",
    pod: "web-0",
    podUid: "uid",
    container: "app",
    containerId: "0123",
    qos: "Burstable",
  },
  limitBytes: 1000 * M,
  thresholdBytes: 980 * M,
  reading: {
    usageBytes: 985 * M,
    slackBytes: M,
    fileBytes: 3 * M,
    inactiveFileBytes: 0,
    swappableBytes: 2 * M,
    anonBytes: 970 * M,
    residentBytes: 975 * M,
  },
  victims: [victim()],
  victimCount: 3,
  decideMicros: 210,
};

test("an incident is what is known when it happens", () => {
  const before = Date.now();
  const { id, timeMs, ...rest } = draftIncident(facts);
  expect(timeMs).toBeGreaterThanOrEqual(before);
  expect(timeMs).toBeLessThanOrEqual(Date.now());
  expect(id).toMatch(/^[0-9a-z]+-[0-9a-z]+-[0-9a-z]+$/);
  expect(rest).toEqual({
    kind: "kill",
    trigger: "threshold",
    policy: "container",
    cgroup: "/kubepods/pod1",
    namespace: "default",
    pod: "web-0",
    podUid: "uid",
    container: "app",
    containerId: "0123",
    limitBytes: 1000 * M,
    thresholdBytes: 980 * M,
    usageBytes: 985 * M,
    reclaimableBytes: 5 * M,
    victims: [victim()],
    victimCount: 3,
    scope: null,
    silent: null,
    decideMicros: 210,
    deadMillis: null,
    event: { state: "off", attempts: 0, name: null, reason: null },
  });
});

test("what is not known is null", () => {
  expect(draftIncident({ ...facts, identity: undefined, reading: null, decideMicros: null })).toMatchObject({
    namespace: null,
    pod: null,
    podUid: null,
    container: null,
    containerId: null,
    usageBytes: null,
    reclaimableBytes: null,
    decideMicros: null,
  });
});

describe("ids", () => {
  test("are never given twice, and sort as they were given", () => {
    const ids = Array.from({ length: 5000 }, () => draftIncident(facts).id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });
});
