import { beforeEach, describe, expect, test } from "bun:test";
import { KernelKillMatcher, WAIT_MS } from "../../../src/kernel-oom/matcher.ts";
import { APP, counted, kill, POD, SIDECAR } from "./kills.ts";

let matcher: KernelKillMatcher;
beforeEach(() => {
  matcher = new KernelKillMatcher();
});

const DAY = 86_400_000;
/** A death that the log told: its pids, and how many sources besides. */
const ALL = Number.POSITIVE_INFINITY;
const deaths = (nowMs = ALL) =>
  matcher
    .due(nowMs)
    .deaths.map(({ kills, counted }) => [kills.map(({ victim }) => victim.pid), counted.length]);

describe("one kill is one death", () => {
  test.each<[string, () => void, [number[], number][]]>([
    ["told by the log alone", () => matcher.told(kill(), 0), [[[100], 0]]],
    ["counted alone", () => matcher.counted(counted(), 0), [[[], 1]]],
    [
      "told, then counted",
      () => {
        matcher.told(kill(), 0);
        expect(matcher.counted(counted(), 5)).toBe(true);
      },
      [[[100], 1]],
    ],
    [
      "counted, then told",
      () => {
        matcher.counted(counted(), 0);
        matcher.told(kill(), 300);
      },
      [[[100], 1]],
    ],
    [
      "two in one cgroup, in whatever order",
      () => {
        matcher.told(kill({ pid: 1 }), 0);
        matcher.counted(counted(), 1);
        matcher.counted(counted(), 2);
        matcher.told(kill({ pid: 2 }), 3);
      },
      [
        [[1], 1],
        [[2], 1],
      ],
    ],
    [
      "one in each of two cgroups",
      () => {
        matcher.counted(counted({ cgroup: SIDECAR }), 0);
        matcher.told(kill({ pid: 1 }), 1);
        matcher.told(kill({ pid: 2, victimCgroup: SIDECAR }), 2);
        matcher.counted(counted(), 3);
      },
      [
        [[2], 1],
        [[1], 1],
      ],
    ],
  ])("%s", (_, tell, expected) => {
    tell();
    expect(deaths()).toEqual(expected);
    expect(deaths()).toEqual([]);
  });

  test("nothing is told before it has waited, and then only that", () => {
    expect(matcher.nextMs()).toBe(Number.POSITIVE_INFINITY);
    matcher.told(kill({ pid: 1 }), 0);
    matcher.told(kill({ pid: 2, victimCgroup: SIDECAR }), 10);
    expect(matcher.nextMs()).toBe(WAIT_MS);
    expect(deaths(WAIT_MS - 1)).toEqual([]);
    expect(deaths(WAIT_MS)).toEqual([[[1], 0]]);
    expect(matcher.nextMs()).toBe(WAIT_MS + 10);
  });

  test("the first record that still waits is where the next process must begin", () => {
    expect(matcher.firstWaiting()).toBe(null);
    matcher.told(kill({ seq: 12 }), 0);
    matcher.told(kill({ seq: 11 }), 1);
    expect(matcher.firstWaiting()).toBe(11);
    matcher.due(ALL);
    expect(matcher.firstWaiting()).toBe(null);
  });
});

describe("what comes late", () => {
  test("a counter that moved days ago without a notification is no second kill", () => {
    matcher.told(kill({ shortage: "node", limitCgroup: null }), 0);
    matcher.due(WAIT_MS);
    expect(matcher.counted(counted(), 3 * DAY)).toBe(false);
    expect(deaths()).toEqual([]);
    // The next one is.
    expect(matcher.counted(counted(), 3 * DAY)).toBe(true);
    expect(deaths()).toEqual([[[], 1]]);
  });

  test("the last kill in a removed cgroup is still counted; a new cgroup of its name starts anew", () => {
    matcher.told(kill({ pid: 1 }), 0);
    matcher.told(kill({ pid: 2 }), 0);
    matcher.due(WAIT_MS);
    matcher.forget(APP, 2000);
    expect(matcher.counted(counted(), 2500)).toBe(false);
    expect(matcher.counted(counted(), 60_000)).toBe(true);
  });

  test("a line of the log about what was recorded as counted is no second kill", () => {
    matcher.counted(counted(), 0);
    expect(deaths(WAIT_MS)).toEqual([[[], 1]]);
    matcher.told(kill(), 5000);
    expect(deaths()).toEqual([]);
    matcher.told(kill(), 6000);
    expect(deaths()).toEqual([[[100], 0]]);
  });
});

describe("a cgroup that dies as one", () => {
  const member = (pid: number) =>
    kill({ pid, wholeCgroup: APP, victimCgroup: pid === 1 ? APP : null, bootMicros: 60_000_000 + pid });

  test("is one death, with everybody in it", () => {
    for (const pid of [1, 2, 3]) matcher.told(member(pid), pid);
    expect(deaths()).toEqual([[[1, 2, 3], 0]]);
  });

  test("waits for its last process", () => {
    matcher.told(member(1), 0);
    matcher.told(member(2), 1000);
    expect(deaths(WAIT_MS)).toEqual([]);
    expect(deaths(WAIT_MS + 1000)).toEqual([[[1, 2], 0]]);
  });

  test.each([
    ["before", 0],
    ["in between", 1],
    ["after", 2],
  ])("counted %s as one number: one death", (_, at) => {
    for (const pid of [1, 2]) {
      if (pid - 1 === at) matcher.counted(counted({ victimCount: 2 }), 0);
      matcher.told(member(pid), 0);
    }
    if (at === 2) matcher.counted(counted({ victimCount: 2 }), 0);
    expect(deaths()).toEqual([[[1, 2], 1]]);
  });

  test("counted one by one, in the cgroups below: one death", () => {
    const inside = { cgroup: `${APP}/inside` };
    matcher.counted(counted(inside), 0);
    matcher.told(member(1), 1);
    matcher.told(member(2), 1);
    matcher.counted(counted(inside), 2);
    expect(deaths()).toEqual([[[1, 2], 2]]);
    // The counter of another one of its processes.
    expect(matcher.counted(counted(inside), 2000)).toBe(false);
  });

  test("a second later it dies again: another death", () => {
    matcher.told(member(1), 0);
    matcher.told({ ...member(9), bootMicros: 90_000_000 }, 100);
    expect(deaths()).toEqual([
      [[1], 0],
      [[9], 0],
    ]);
  });
});

describe("with no cgroup told (after ten kills in five seconds)", () => {
  const bare = (pid: number) => kill({ pid, limitCgroup: null, victimCgroup: null, limitBytes: null });

  test("the counters tell where, if it can only be one place", () => {
    for (const pid of [1, 2]) matcher.told(bare(pid), pid);
    matcher.counted(counted(), 10);
    matcher.counted(counted(), 20);
    expect(deaths()).toEqual([
      [[1], 1],
      [[2], 1],
    ]);
  });

  test.each<[string, () => void]>([
    [
      "two kills in two places",
      () => {
        matcher.counted(counted({ cgroup: SIDECAR }), 10);
        matcher.told(bare(2), 10);
      },
    ],
    ["a second kill that nobody counted", () => matcher.told(bare(2), 10)],
    ["a kill at another moment", () => matcher.told(bare(1), 5, -10_000)],
  ])("otherwise nobody knows who died where: %s", (_, tell) => {
    matcher.counted(counted(), 5);
    tell();
    if (matcher.firstWaiting() !== bare(1).seq) matcher.told(bare(1), 0);
    const found = matcher.due(ALL).deaths;
    expect(found.every(({ kills, counted }) => kills.length === 0 || counted.length === 0)).toBe(true);
  });

  test("one for the node is recorded without, and its counter, whenever it is found, is no second kill", () => {
    matcher.told({ ...bare(1), shortage: "node" }, 0);
    expect(deaths(WAIT_MS)).toEqual([[[1], 0]]);
    matcher.counted(counted(), DAY);
    const { deaths: later, known } = matcher.due(ALL);
    expect(later).toEqual([]);
    expect(known).toEqual([counted()]);
  });
});

describe("a kernel without a counter only says that a cgroup was out of memory", () => {
  const notice = (cgroup: string) => counted({ cgroup }, { isCount: false });

  test.each([
    ["of the victim's cgroup", APP],
    ["of the one above", POD],
    ["of the one below", `${APP}/inside`],
  ])("%s: the log's kill is the one", (_, cgroup) => {
    matcher.counted(notice(cgroup), 0);
    matcher.told(kill(), 100);
    matcher.counted(notice(cgroup), 200);
    expect(deaths(200 + WAIT_MS).map(([pids]) => pids)).toEqual([[100]]);
  });

  test("of another cgroup, or at another time: a kill of its own", () => {
    matcher.told(kill(), 0);
    matcher.counted(notice(SIDECAR), 0);
    matcher.counted(notice(APP), 2 * WAIT_MS);
    expect(deaths()).toHaveLength(3);
  });
});
