import { describe, expect, test } from "bun:test";
import { createLog } from "../../../src/report/log.ts";
import { logIncident } from "../../../src/report/reporter.ts";
import { incident, victim } from "../record/incidents.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

/** What the log writes about an incident. */
function logged(told: Parameters<typeof logIncident>[1], format: "text" | "json" | "journal"): string[] {
  const lines: string[] = [];
  const target = { isTty: false, isJournal: false, write: (line: string) => lines.push(line) > 0 };
  logIncident(createLog({ format, level: "info", env: {}, target, journalSocket: "/nonexistent" }), told);
  return lines;
}

test("an incident is one line with the numbers the decision used", () => {
  const told = incident({ victims: [victim(), victim({ pid: 7 })], scope: "pod", silent: true });
  const [line, ...others] = logged(told, "json");
  expect(others).toEqual([]);
  expect(JSON.parse(line!)).toMatchObject({
    level: "warn",
    fields: {
      incident: incident().id,
      kind: "kill",
      trigger: "threshold",
      policy: "container",
      cgroup: "/kubepods/pod1/c1",
      namespace: "default",
      pod: "web-0",
      container: "app",
      limitBytes: incident().limitBytes,
      thresholdBytes: incident().thresholdBytes,
      usageBytes: incident().usageBytes,
      reclaimableBytes: incident().reclaimableBytes,
      decideMicros: 210,
      victimCount: 3,
      scope: "pod",
      silent: true,
      pids: "4242 7",
    },
  });
});

test.each([
  ["kill", "warn"],
  ["would-kill", "warn"],
  ["kernel-oom", "warn"],
  ["stuck", "error"],
] as const)("%s is said at level %s", (kind, level) => {
  expect(JSON.parse(logged(incident({ kind }), "json")[0]!).level).toBe(level);
});

describe("names somebody else chose", () => {
  test.each(hostileNames)("with %s cannot break the line", (_, name) => {
    const told = incident({
      namespace: name,
      pod: name,
      container: name,
      cgroup: `/${name}`,
      victims: [victim({ comm: name })],
    });
    for (const format of ["text", "json", "journal"] as const) {
      const lines = logged(told, format);
      expect(lines.length).toBe(1);
      expect(lines[0]!.indexOf("\n")).toBe(lines[0]!.length - 1);
      expect(lines[0]).not.toMatch(UNSAFE);
    }
  });
});
