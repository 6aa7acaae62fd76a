import { describe, expect, test } from "bun:test";
import type { Occurrence } from "../../../../src/record/event-series.ts";
import { fold } from "../../../../src/record/event-series.ts";
import type { Incident } from "../../../../src/record/incident.ts";
import {
  eventName,
  eventOf,
  eventReason,
  occurrenceOf,
  updateOf,
} from "../../../../src/report/events/event.ts";
import { incident } from "../../record/incidents.ts";
import { hostileNames, UNSAFE } from "../hostile.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const ID = "0mgvk3k00-mgvk0000001-0001";
const pod = { namespace: "default", pod: "web-0", podUid: "uid", container: "app" };

function occurrence(changes: Partial<Incident> = {}): Occurrence {
  const made = occurrenceOf(incident({ id: ID, ...changes }), pod);
  if (made === null) throw new Error("no Event");
  return made;
}

describe("eventName", () => {
  test.each([
    ["a pod", "web-0", `web-0.${ID}`],
    ["a pod with dots", "web.example.com", `web.example.com.${ID}`],
    ["the longest pod", "x".repeat(253), `${"x".repeat(226)}.${ID}`],
    ["cut at a dash", `${"x".repeat(225)}-y`, `${"x".repeat(225)}.${ID}`],
    ["cut at a dot", `${"x".repeat(225)}.y`, `${"x".repeat(225)}.${ID}`],
    ["cut after dashes and dots", `${"x".repeat(220)}-.-.-.-y`, `${"x".repeat(220)}.${ID}`],
    ["upper case", "Web", `web.${ID}`],
    ["nothing", "", ID],
    ["nothing valid", "-.-", ID],
  ])("%s", (_promise, name, expected) => {
    expect(eventName(name, ID)).toBe(expected);
    expect(expected.length).toBeLessThanOrEqual(253);
  });

  test.each(hostileNames)("with %s is a DNS subdomain of at most 253 characters", (_promise, name) => {
    for (const made of [eventName(name, ID), eventName("web-0", name), eventName(name, name)]) {
      expect(made).toMatch(SUBDOMAIN);
      expect(made.length).toBeLessThanOrEqual(253);
    }
  });

  test("cut at any length it is valid", () => {
    const long = "ab-.cd--e.f-".repeat(30);
    for (let start = 0; start < 12; start++) {
      const made = eventName(long.slice(start), ID);
      expect(made).toMatch(SUBDOMAIN);
      expect(made.length).toBeLessThanOrEqual(253);
      expect(made.endsWith(`.${ID}`)).toBe(true);
    }
  });
});

test.each([
  ["kill", "container", "OomGuardKillContainer"],
  ["kill", "process", "OomGuardKillProcess"],
  ["kernel-oom", "container", "OomGuardKernelOomKill"],
  ["kernel-oom", "noop", "OomGuardKernelOomKill"],
  ["stuck", "process", "OomGuardKillStuck"],
  ["would-kill", "noop", null],
] as const)("%s under policy %s has the reason %p", (kind, policy, reason) => {
  expect(eventReason({ kind, policy })).toBe(reason);
});

describe("eventOf", () => {
  test("has the fields of core/v1 that kubectl shows", () => {
    const first = occurrence();
    const series = fold(fold(null, first), { ...first, timeMs: first.timeMs + 61_000, message: "again" });
    expect(eventOf(series, "node-1")).toEqual({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `web-0.${ID}`, namespace: "default" },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        namespace: "default",
        name: "web-0",
        uid: "uid",
        fieldPath: "spec.containers{app}",
      },
      reason: "OomGuardKillContainer",
      message: "again",
      type: "Warning",
      source: { component: "oom-guard", host: "node-1" },
      reportingComponent: "oom-guard",
      reportingInstance: "node-1",
      firstTimestamp: "2026-01-02T03:04:05Z",
      lastTimestamp: "2026-01-02T03:05:06Z",
      count: 2,
    });
    expect(updateOf(series)).toEqual({ message: "again", count: 2, lastTimestamp: "2026-01-02T03:05:06Z" });
  });

  test("names no container where the whole pod is meant", () => {
    const whole = occurrenceOf(incident({ container: null }), { ...pod, container: null })!;
    expect(eventOf(fold(null, whole), "node-1").involvedObject).not.toHaveProperty("fieldPath");
  });

  test("says what the log says, with the names that were found later", () => {
    const unknown = incident({ namespace: null, pod: null, podUid: null, container: null });
    expect(occurrenceOf(unknown, pod)?.message).toStartWith("killed container app of default/web-0: ");
  });

  test.each([
    ["before the epoch", -5e15, "1970-01-01T00:00:00Z"],
    ["beyond what Go reads", Date.UTC(20_000, 0), "9999-12-31T23:59:59Z"],
    ["beyond what a Date holds", 9e15, "9999-12-31T23:59:59Z"],
    ["with a fraction", 1000.75, "1970-01-01T00:00:01Z"],
  ])("a time %s is one the server accepts", (_promise, timeMs, expected) => {
    const event = eventOf(fold(null, occurrence({ timeMs })), "node-1");
    expect([event.firstTimestamp, event.lastTimestamp]).toEqual([expected, expected]);
  });

  test("a time is whole milliseconds: the store takes nothing else", () => {
    expect(occurrence({ timeMs: 1000.75 }).timeMs).toBe(1001);
  });

  test("counts no further than the server does", () => {
    expect(updateOf({ ...fold(null, occurrence()), count: 3e9 }).count).toBe(2_147_483_647);
  });

  test.each(hostileNames)(
    "with %s for every name is safe, and the message has 1,024 bytes at most",
    (_promise, name) => {
      const hostile = incident({
        namespace: name,
        pod: name,
        container: name,
        victims: [{ pid: 1, comm: name, rssBytes: 1, oomScoreAdj: 0, badness: 1 }],
      });
      const made = occurrenceOf(hostile, { namespace: name, pod: name, podUid: "uid", container: name })!;
      expect(Buffer.byteLength(made.message)).toBeLessThanOrEqual(1024);
      expect(made.message).not.toMatch(UNSAFE);
      expect(made.message.isWellFormed()).toBe(true);
    },
  );

  test("a message of wide characters is cut at 1,024 bytes, between characters", () => {
    for (const wide of ["語", "👍", "é"]) {
      const name = wide.repeat(200);
      const { message } = occurrenceOf(incident({ namespace: name, pod: name, container: name }), pod)!;
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1024);
      expect(Buffer.byteLength(message)).toBeGreaterThan(900);
      expect(message).toEndWith("…");
    }
  });
});
