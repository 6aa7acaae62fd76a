import { describe, expect, test } from "bun:test";
import { type Leak, othersReport, type Row } from "../../bench/tables/others-report.ts";

const leak: Leak = {
  scenario: "container",
  isDead: true,
  oomKills: 0,
  peakBytes: 98 * 1024 * 1024,
  millis: 3000,
  isBystanderDead: false,
};
const row = (killer: string, leaks: readonly Leak[], said: Row["said"] = []): Row => ({
  killer,
  leaks,
  said,
  trouble: null,
  isStuck: false,
});
const whoEnded = (rows: readonly Row[]) =>
  othersReport(rows, 1, null).rows.map(([what, onDuty, by]) => [what, onDuty, by]);

describe("who ended a leak", () => {
  test("is whoever is on duty, where the kernel counts no kill", () => {
    expect(whoEnded([row("oom-guard", [leak])])).toEqual([["container", "oom-guard", "oom-guard 1"]]);
  });

  test("is the kernel, where it counts one", () => {
    expect(whoEnded([row("earlyoom", [{ ...leak, oomKills: 1 }])])[0]?.[2]).toBe("kernel 1");
  });

  test("is nobody, where it lives", () => {
    expect(whoEnded([row("nobody", [{ ...leak, isDead: false }])])[0]?.[2]).toBe("nobody 1");
  });

  test("is not known where the machine had trouble: said once", () => {
    const stuck = { ...row("nohang", []), trouble: "the machine does not answer" };
    expect(whoEnded([stuck])).toEqual([["container", "nohang", "the machine does not answer"]]);
  });
});

test("what one logged of the kill it watches for is quoted", () => {
  const said: Row["said"] = [
    { scenario: "node", line: "low memory!" },
    { scenario: "node", line: "sending SIGTERM to process 526" },
  ];
  const { notes } = othersReport([row("earlyoom", [leak, { ...leak, scenario: "node" }], said)], 1, null);
  expect(notes.at(-1)).toBe("earlyoom, node: `sending SIGTERM to process 526`");
});

test("a kill by the kernel while oom-guard was on duty misses the goal", () => {
  const reached = (oomKills: number) =>
    othersReport([row("oom-guard", [{ ...leak, oomKills }])], 1, null).goals[0]?.reached;
  expect([reached(0), reached(1)]).toEqual([true, false]);
});
