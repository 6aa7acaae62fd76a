import { expect, test } from "bun:test";
import { type GuardCounts, statusText } from "../../../src/report/status-text.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

type Given = Partial<Omit<GuardCounts, "incidents">> & { incidents?: Partial<GuardCounts["incidents"]> };

const counts = ({ incidents, ...more }: Given): GuardCounts => ({
  cgroups: 12,
  unstored: 0,
  waitingEvents: 0,
  ...more,
  incidents: { kill: 0, "would-kill": 0, "kernel-oom": 0, stuck: 0, ...incidents },
});

const NOTHING = "0 killed, 0 would have been, 0 by the kernel since start";

test.each<[Given, string | null, string]>([
  [{ cgroups: 0 }, null, `guarding 0 cgroups; ${NOTHING}`],
  [{ cgroups: 1 }, null, `guarding 1 cgroup; ${NOTHING}`],
  [
    { incidents: { kill: 2, "would-kill": 1 }, waitingEvents: 3 },
    null,
    "guarding 12 cgroups; 2 killed, 1 would have been, 0 by the kernel since start; 3 Events wait",
  ],
  [
    { incidents: { "kernel-oom": 4, stuck: 1 }, waitingEvents: 1 },
    null,
    "guarding 12 cgroups; 0 killed, 0 would have been, 4 by the kernel, 1 stuck since start; 1 Event waits",
  ],
  [{ waitingEvents: null }, null, `guarding 12 cgroups; ${NOTHING}`],
  [{ unstored: 1 }, null, `guarding 12 cgroups; ${NOTHING}; 1 incident is in memory only`],
  [{ unstored: 2 }, null, `guarding 12 cgroups; ${NOTHING}; 2 incidents are in memory only`],
  [
    {},
    "/etc/oom-guard/config.toml: margin_ratio = 2: above 0, below 1",
    `guarding 12 cgroups; ${NOTHING}; the running configuration stays: /etc/oom-guard/config.toml: margin_ratio = 2: above 0, below 1`,
  ],
])("%j, %j: %s", (given, problem, text) => {
  expect(statusText(counts(given), problem)).toBe(text);
});

test.each(hostileNames)("a configuration with %s leaves one short line", (_, name) => {
  const text = statusText(counts({}), name);
  expect(text).not.toMatch(UNSAFE);
  expect(text.length).toBeLessThan(500);
});
