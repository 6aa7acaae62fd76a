import { beforeEach, describe, expect, test } from "bun:test";
import { classify } from "../../../src/discover/classify.ts";
import { KernelKills, type KernelKillsPorts } from "../../../src/kernel-oom/kernel-kills.ts";
import { WAIT_MS } from "../../../src/kernel-oom/matcher.ts";
import type { Incident } from "../../../src/record/incident.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { APP, counted, identity, kill, SIDECAR } from "./kills.ts";

let clock: FakeClock;
let survivors: boolean;
let located: string | null;
let asked: { container: string; dead: number[]; agoMs: number }[];
let recorded: { incident: Incident; slots: readonly number[] }[];
let released: number[];
/** Microseconds of the log's clock, at the moment. */
let bootMicros: number;
let kills: KernelKills;

beforeEach(() => {
  clock = new FakeClock();
  survivors = true;
  located = null;
  asked = [];
  recorded = [];
  released = [];
  bootMicros = 60_000_000;
  kills = start();
});

function start(more: Partial<KernelKillsPorts> = {}): KernelKills {
  return new KernelKills({
    clock,
    wallNow: () => clock.wall,
    bootMicros: () => bootMicros,
    owner: (cgroup) => ({
      identity: identity({ ...classify(cgroup) }),
      container: cgroup.startsWith(APP) ? APP : null,
    }),
    policy: ({ cgroup }) => (cgroup === APP ? "noop" : "container"),
    isOurs: (cgroup) => cgroup.startsWith("/kubepods"),
    locate: () => located,
    hasSurvivors: (container, dead, agoMs) => {
      asked.push({ container, dead: [...dead], agoMs });
      return survivors;
    },
    id: ({ seq }) => `seq-${seq}`,
    record: (incident, slots) => recorded.push({ incident, slots }),
    release: (slot) => released.push(slot),
    ...more,
  });
}

const incidents = () => recorded.map(({ incident }) => incident);

describe("a kill", () => {
  test("is recorded once it is known what became of the container, with its place in the black box", async () => {
    kills.counted(counted({ timeMs: clock.wall }));
    kills.told(kill());
    await clock.pass(WAIT_MS - 1);
    expect(recorded).toEqual([]);
    await clock.pass(1);
    expect(asked).toEqual([{ container: APP, dead: [100], agoMs: WAIT_MS }]);
    expect(recorded).toMatchObject([
      { incident: { id: "seq-1100", scope: "container", silent: true, policy: "noop" }, slots: [7] },
    ]);
    expect(released).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test.each([
    [true, APP, true],
    [false, APP, false],
    [true, "/kubepods/plain", null],
  ])("something lives on: %p, in %s: silent is %p", async (lives, cgroup, silent) => {
    survivors = lives;
    kills.told(kill({ victimCgroup: cgroup }));
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ silent }]);
  });

  test("counted after it was recorded gives its place in the black box back", async () => {
    kills.told(kill());
    await clock.pass(WAIT_MS);
    kills.counted(counted());
    await clock.pass(WAIT_MS);
    expect(recorded).toHaveLength(1);
    expect(released).toEqual([7]);
  });

  test("that the guard has told of is no incident, whoever was first", async () => {
    kills.told(kill());
    kills.counted(counted());
    await clock.pass(2);
    kills.struck(APP, [99, 100]);
    await clock.pass(WAIT_MS);
    expect(recorded).toEqual([]);
    expect(released).toEqual([7]);
  });

  test("of a cgroup that dies as one leaves out whom the guard has killed", async () => {
    kills.struck(APP, [1]);
    for (const pid of [1, 2]) kills.told(kill({ pid, wholeCgroup: APP }));
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ victims: [{ pid: 2 }], victimCount: 1 }]);
  });
});

describe("whose business it is", () => {
  test.each([
    ["a service that reached its own limit: not ours", "cgroup", "/system.slice/a.service", 0],
    ["a service that died for the node's shortage: everybody's", "node", "/system.slice/a.service", 1],
    ["a container: ours", "cgroup", SIDECAR, 1],
    ["no cgroup told, and none of ours counted it: not ours", "cgroup", null, 0],
    ["no cgroup told, for the node: everybody's", "node", null, 1],
  ] as const)("%s", async (_, shortage, victimCgroup, count) => {
    kills.told(kill({ shortage, victimCgroup, limitCgroup: null }));
    await clock.pass(WAIT_MS);
    expect(recorded).toHaveLength(count);
    if (count > 0) expect(incidents()[0]?.cgroup).toBe(victimCgroup ?? "/");
  });

  test("where the log has no cgroup, the process is looked for while it dies", async () => {
    located = APP;
    kills.told(kill({ victimCgroup: null, limitCgroup: null }));
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ cgroup: APP, scope: null, silent: true }]);
  });
});

describe("when it happened", () => {
  const HOUR_MICROS = 3_600_000_000;

  test("long before the guard was there: by the record's time, and a pid is nobody's by now", async () => {
    located = APP;
    bootMicros += HOUR_MICROS;
    kills.told(kill());
    kills.told(kill({ pid: 5, shortage: "node", victimCgroup: null }));
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ timeMs: clock.wall - 3_600_000 - WAIT_MS }, { cgroup: "/" }]);
    expect(asked[0]?.agoMs).toBe(3_600_000 + WAIT_MS);
  });

  test.each([
    ["a moment ago", 300_000, 300],
    ["the log's clock is behind by minutes", 200_000_000, 0],
    ["the log's clock is ahead", -5_000_000, 0],
  ])("while the guard is there: %s", async (_, lagMicros, lagMs) => {
    await clock.pass(10_000);
    bootMicros += lagMicros;
    kills.told(kill());
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ timeMs: clock.wall - WAIT_MS - lagMs }]);
  });

  test("the sentinel knows it best", async () => {
    kills.told(kill());
    kills.counted(counted({ timeMs: 42 }));
    await clock.pass(WAIT_MS);
    expect(incidents()).toMatchObject([{ timeMs: 42 }]);
  });
});

describe("at the end", () => {
  test.each([
    [true, null],
    [false, false],
  ])(
    "what the log has told is recorded; if something lives (%p), silent is %p: it may be dying",
    (lives, silent) => {
      survivors = lives;
      kills.told(kill());
      expect(kills.stop(true)).toBe(true);
      expect(incidents()).toMatchObject([{ silent }]);
      expect(clock.pending).toBe(0);
    },
  );

  test("what was counted alone stays in the black box: the next process hears from the log who it was", () => {
    kills.counted(counted());
    expect(kills.stop(true)).toBe(false);
    expect([recorded, released]).toEqual([[], []]);
  });

  test.each([
    ["where no log is read", counted(), false],
    ["without a black box", counted({}, { slot: null }), true],
  ])("it is recorded %s", (_, one, isLogRead) => {
    kills.counted(one);
    expect(kills.stop(isLogRead)).toBe(true);
    expect(recorded).toHaveLength(1);
  });
});
