import { beforeEach, describe, expect, test } from "bun:test";
import { EMFILE, ENODEV, ENOENT, ENOSPC } from "../../../ffi/errno.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { Armer } from "../../../src/arm/armer.ts";
import type { Wanted } from "../../../src/cgroup/hierarchy.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { compileRules } from "../../../src/config/rules.ts";
import { identify } from "../../../src/discover/identify.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { fakeHierarchy } from "./fake-hierarchy.ts";

const M = 2 ** 20;
const CGROUP = "/docker/0123456789abcdef";

let limitBytes: number;
let exists: boolean;
let failing: { read?: SysError; arm?: SysError; renew?: SysError };
/** What was asked of the hierarchy, in order. */
let asked: string[];
/** Whether tasks were to wait at the limit, at each arming. */
let waiting: boolean[];
let sent: ToSentinel[];
let armer: Armer;

const failure = (errno: number) => new SysError("write", errno, "memory.high");
const holding = ({ hold }: Wanted) => (hold ? "hold" : "do not hold");

beforeEach(() => {
  limitBytes = 100 * M;
  exists = true;
  failing = {};
  asked = [];
  waiting = [];
  sent = [];
  const hierarchy = fakeHierarchy({
    version: 2,
    limitBytes: () => {
      if (!exists) throw failure(ENOENT);
      if (failing.read) throw failing.read;
      return limitBytes;
    },
    arm: () => {
      if (failing.arm) throw failing.arm;
      return { directoryFd: 3, usageFd: 4, statFd: 5, signals: [], refused: [] };
    },
    armThresholds: async (_, wanted) => {
      asked.push(holding(wanted));
      waiting.push(wanted.waitAtLimit);
      return [];
    },
    renew: async (_, wanted) => {
      asked.push(`renew, ${holding(wanted)}`);
      if (failing.renew) throw failing.renew;
    },
    letGo: () => asked.push("let go"),
  });
  armer = new Armer(
    {
      hierarchy,
      identify: (cgroup) => identify(cgroup, undefined),
      send: (message) => sent.push(message),
      onTrouble: () => undefined,
    },
    compileRules(defaults),
  );
});

const slots = () => sent.flatMap((message) => (message.type === "watch" ? [message.spec.slot] : []));
async function refresh(): Promise<void> {
  armer.refresh(CGROUP);
  await armer.settled();
}

test("a guarded cgroup may be held back, and one with policy noop must not be", async () => {
  await refresh();
  armer.applyRules(compileRules({ ...defaults, policy: "noop" }));
  expect(asked).toEqual(["hold", "do not hold"]);
});

describe("kernel_oom", () => {
  const rules = (policy: "container" | "noop", kernelOom: "allow" | "hold", held?: string) =>
    compileRules({
      ...defaults,
      policy,
      kernelOom,
      rules: held === undefined ? [] : [{ match: { cgroup: held }, set: { kernelOom: "hold" } }],
    });
  const last = () => sent.findLast((message) => message.type === "watch");

  test.each([
    ["allow", rules("container", "allow"), false],
    ["hold", rules("container", "hold"), true],
    ["hold, where nobody would be killed", rules("noop", "hold"), false],
    ["a rule says hold", rules("container", "allow", CGROUP), true],
    ["a rule says hold of another", rules("container", "allow", "/docker/other"), false],
  ])("%s: tasks wait at the limit, and the sentinel knows of it: %#", async (_, matcher, waits) => {
    armer.applyRules(matcher);
    await refresh();
    expect(waiting.at(-1)).toBe(waits);
    expect(last()).toMatchObject({ spec: { waitAtLimit: waits } });
  });

  test("another answer arms the cgroup anew", async () => {
    await refresh();
    armer.applyRules(rules("container", "hold"));
    await armer.settled();
    expect(waiting).toEqual([false, true]);
    expect(last()).toMatchObject({ spec: { waitAtLimit: true } });
  });
});

test("what somebody may have overwritten is put back at each look", async () => {
  await refresh();
  await refresh();
  expect(asked).toEqual(["hold", "renew, hold"]);
});

test.each([
  ["the limit goes", () => refresh(), () => (limitBytes = Number.POSITIVE_INFINITY)],
  ["the cgroup leaves the roots, or is removed", () => armer.forget(CGROUP), () => undefined],
])("it is let go when %s", async (_, act, prepare) => {
  await refresh();
  prepare();
  await act();
  expect(asked.at(-1)).toBe("let go");
});

test("nothing is held that could not be armed", async () => {
  await refresh();
  failing = { arm: failure(EMFILE) };
  limitBytes = 200 * M;
  await refresh();
  expect(asked).toEqual(["hold", "let go"]);
});

test("a limit that cannot be read for once changes nothing", async () => {
  await refresh();
  const before = sent.length;
  failing = { read: failure(EMFILE) };
  await refresh();
  expect(asked).toEqual(["hold"]);
  expect(sent.length).toBe(before);
});

describe("where nobody may be killed", () => {
  beforeEach(async () => {
    await refresh();
    armer.helpless({ type: "helpless", slot: slots()[0]!, isWatched: true });
  });

  test("it is let go, and not held again at any look", async () => {
    await refresh();
    expect(asked).toEqual(["hold", "let go"]);
  });

  test("until the sentinel says that it is over: then it is armed anew", async () => {
    armer.recovered(slots()[0]!);
    await armer.settled();
    expect(asked).toEqual(["hold", "let go", "hold"]);
    expect(slots()).toHaveLength(2);
    await refresh();
    expect(asked.at(-1)).toBe("renew, hold");
  });

  test("or until it is armed with another limit", async () => {
    limitBytes = 200 * M;
    await refresh();
    expect(asked).toEqual(["hold", "let go", "hold"]);
  });

  test("a word about a watch that is gone does nothing", () => {
    armer.recovered(99);
    armer.helpless({ type: "helpless", slot: 99, isWatched: true });
    expect(asked).toEqual(["hold", "let go"]);
  });
});

describe("a cgroup that the sentinel finds gone", () => {
  test("is forgotten", async () => {
    await refresh();
    exists = false;
    armer.gone(slots()[0]!);
    expect(armer.armedCount).toBe(0);
  });

  test("and armed anew where another one has its name by now", async () => {
    await refresh();
    armer.gone(slots()[0]!);
    await armer.settled();
    expect(asked).toEqual(["hold", "let go", "hold"]);
    expect(armer.armedCount).toBe(1);
  });

  test("a watch that was released meanwhile is nobody's", async () => {
    await refresh();
    armer.gone(99);
    expect(armer.armedCount).toBe(1);
  });
});

describe("where what was overwritten cannot be put back", () => {
  test.each([
    ["it is armed anew, with what can be had", ENOSPC],
    ["also where the old cgroup of that name is gone", ENODEV],
  ])("%s", async (_, errno) => {
    await refresh();
    failing = { renew: failure(errno) };
    await refresh();
    await armer.settled();
    expect(asked).toEqual(["hold", "renew, hold", "hold"]);
    expect(armer.armedCount).toBe(1);
  });
});
