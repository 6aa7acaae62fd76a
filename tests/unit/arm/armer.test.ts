import { beforeEach, describe, expect, test } from "bun:test";
import { EMFILE, ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { Armer } from "../../../src/arm/armer.ts";
import type { Refusal } from "../../../src/cgroup/hierarchy.ts";
import type { Config } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { compileRules } from "../../../src/config/rules.ts";
import { identify } from "../../../src/discover/identify.ts";
import type { CgroupKind } from "../../../src/discover/identity.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { fakeHierarchy } from "./fake-hierarchy.ts";

const M = 2 ** 20;
const CONTAINER = "/kubepods/pod11111111-2222-3333-4444-555555555555/0123456789abcdef";
const POD = "/kubepods/pod11111111-2222-3333-4444-555555555555";
const ID = "0123456789abcdef";

let limits: Map<string, number>;
let flat: Set<string>;
let armError: SysError | null;
let refused: readonly Refusal[];
let kinds: Map<string, CgroupKind>;
let sent: ToSentinel[];
let troubles: string[];
let identified: [string, string | null][];
let runtimeId: string | null;
let armer: Armer;

const hierarchy = fakeHierarchy({
  limitBytes(cgroup) {
    const limit = limits.get(cgroup);
    if (limit === undefined) throw new SysError("read", ENOENT, cgroup);
    return limit;
  },
  coversChildren: (cgroup) => !flat.has(cgroup),
  arm() {
    if (armError !== null) throw armError;
    return { directoryFd: 3, usageFd: 4, statFd: 5, signals: [], refused };
  },
});

const rules = (changes: Partial<Config> = {}) => compileRules({ ...defaults, ...changes });

beforeEach(() => {
  limits = new Map();
  flat = new Set();
  kinds = new Map();
  armError = null;
  refused = [];
  sent = [];
  troubles = [];
  identified = [];
  runtimeId = null;
  armer = new Armer(
    {
      hierarchy,
      identify: (cgroup) => {
        const identity = identify(cgroup, undefined);
        const containerId = runtimeId ?? identity.containerId;
        return { ...identity, containerId, kind: kinds.get(cgroup) ?? identity.kind };
      },
      onIdentified: (cgroup, identity) => identified.push([cgroup, identity?.kind ?? null]),
      send: (message) => sent.push(message),
      onTrouble: (_kind, key, message) => troubles.push(`${key}: ${message}`),
    },
    rules(),
  );
});

const watches = () => sent.flatMap((message) => (message.type === "watch" ? [message.spec] : []));
const releases = () => sent.flatMap((message) => (message.type === "release" ? [message.slot] : []));
const names = { cgroups: [], containerIds: [ID], podUids: [] };

test("a cgroup with a limit is armed with its threshold, margin and floor", () => {
  limits.set(CONTAINER, 1000 * M);
  armer.refresh(CONTAINER);
  expect(watches()).toMatchObject([
    {
      cgroup: CONTAINER,
      kind: "container",
      policy: "container",
      limitBytes: 1000 * M,
      nearBytes: 960 * M,
      bounds: { thresholdBytes: 980 * M, marginBytes: 20 * M, cacheFloorBytes: 20 * M },
    },
  ]);
  expect(armer.armedCount).toBe(1);
  expect(armer.cgroupAt(watches()[0]!.slot)).toBe(CONTAINER);
  expect(armer.marginBytes(CONTAINER)).toBe(20 * M);
});

describe("not armed is", () => {
  test.each([
    ["a cgroup without a limit", CONTAINER, () => limits.set(CONTAINER, Number.POSITIVE_INFINITY)],
    [
      "a sandbox",
      CONTAINER,
      () => {
        limits.set(CONTAINER, M);
        kinds.set(CONTAINER, "sandbox");
      },
    ],
    [
      "a pod whose numbers do not cover its containers",
      POD,
      () => {
        limits.set(POD, 100 * M);
        flat.add(POD);
      },
    ],
    ["one that is gone", CONTAINER, () => undefined],
  ])("%s", (_, cgroup, arrange) => {
    arrange();
    armer.refresh(cgroup);
    expect(watches()).toEqual([]);
    expect(armer.armedCount).toBe(0);
    expect(troubles).toEqual([]);
  });
});

describe("armed anew", () => {
  beforeEach(() => {
    limits.set(CONTAINER, 1000 * M);
    armer.refresh(CONTAINER);
  });

  test("when the limit changes, the old watch released first", () => {
    limits.set(CONTAINER, 500 * M);
    armer.refreshAll();
    const [first, second] = watches();
    expect(sent.slice(-2)).toMatchObject([{ type: "release", slot: first!.slot }, { type: "watch" }]);
    expect(second).toMatchObject({ limitBytes: 500 * M, bounds: { thresholdBytes: 490 * M } });
    expect(second!.slot).not.toBe(first!.slot);
  });

  test("when the rules change", () => {
    armer.applyRules(rules({ policy: "noop" }));
    expect(watches().map(({ policy }) => policy)).toEqual(["container", "noop"]);
  });

  test("not at all when nothing did", () => {
    armer.refresh(CONTAINER);
    armer.applyRules(rules());
    armer.namesChanged(names);
    expect(watches().length).toBe(1);
    expect(releases()).toEqual([]);
  });

  test("each time into a slot that nothing was in before", () => {
    for (const _ of [1, 2]) {
      armer.forget(CONTAINER);
      armer.refresh(CONTAINER);
    }
    expect(new Set(watches().map(({ slot }) => slot)).size).toBe(3);
  });

  test("a limit that was taken away ends the watch", () => {
    limits.set(CONTAINER, Number.POSITIVE_INFINITY);
    armer.refresh(CONTAINER);
    expect(releases().length).toBe(1);
    expect(armer.armedCount).toBe(0);
  });

  test("one found to be a sandbox is let go", () => {
    kinds.set(CONTAINER, "sandbox");
    armer.namesChanged(names);
    expect(releases().length).toBe(1);
    expect(sent).toContainEqual(
      expect.objectContaining({
        type: "know",
        known: { identity: expect.objectContaining({ kind: "sandbox" }), policy: "container" },
      }),
    );
  });
});

describe("it is told as whom a cgroup is known", () => {
  beforeEach(() => {
    limits.set(CONTAINER, Number.POSITIVE_INFINITY);
    armer.refresh(CONTAINER);
  });

  test("when it appears, limited or not, when names change, and when it is gone", () => {
    armer.refreshAll();
    kinds.set(CONTAINER, "sandbox");
    armer.namesChanged(names);
    armer.forget(CONTAINER);
    armer.forget(CONTAINER);
    expect(identified).toEqual([
      [CONTAINER, "container"],
      [CONTAINER, "sandbox"],
      [CONTAINER, null],
    ]);
  });

  test("not when other names change", () => {
    armer.namesChanged({ cgroups: [], containerIds: ["feed"], podUids: ["beef"] });
    expect(identified.length).toBe(1);
  });
});

test("names for an id that only the runtime knows reach the cgroup on an arbitrary path", () => {
  limits.set("/mine/x", 100 * M);
  runtimeId = ID;
  armer.refresh("/mine/x");
  armer.namesChanged(names);
  expect(identified.length).toBe(2);
});

test("what the kernel does not notify of is said, and the rest is armed", () => {
  limits.set(CONTAINER, M);
  refused = [{ meaning: "pressure", error: new SysError("write", ENOENT, "x") }];
  armer.refresh(CONTAINER);
  expect(armer.armedCount).toBe(1);
  expect(troubles.length).toBe(1);
});

describe("a cgroup that is removed just when it is to be armed", () => {
  // The kernel tells of a removal later than it happens: names, rules and limits may all change in between.
  const moments: [string, () => void][] = [
    [
      "while its limit changes",
      () => {
        limits.set(CONTAINER, 900 * M);
        armer.refresh(CONTAINER);
      },
    ],
    [
      "while its names change",
      () => {
        kinds.set(CONTAINER, "other");
        armer.namesChanged(names);
      },
    ],
    ["while the rules change", () => armer.applyRules(rules({ policy: "noop" }))],
  ];
  test.each(moments.flatMap(([when, act]) => [ENOENT, ENODEV].map((errno) => [when, errno, act] as const)))(
    "%s (errno %d) is forgotten without a word",
    (_, errno, act) => {
      limits.set(CONTAINER, 1000 * M);
      armer.refresh(CONTAINER);
      armError = new SysError("open", errno, CONTAINER);
      expect(act).not.toThrow();
      expect(armer.armedCount).toBe(0);
      expect(releases().length).toBe(1);
      expect(troubles).toEqual([]);
      expect(sent.at(-1)).toEqual({ type: "know", cgroup: CONTAINER, known: null });
    },
  );

  test("does not keep the others from being armed", () => {
    const other = `${POD}/fedcba9876543210`;
    for (const cgroup of [CONTAINER, other]) limits.set(cgroup, 1000 * M);
    armer.refresh(CONTAINER);
    armer.refresh(other);
    armError = new SysError("open", ENOENT, CONTAINER);
    armer.applyRules(rules({ policy: "noop" }));
    expect(releases().length).toBe(2);
  });
});

test("arming that fails for want of descriptors is said, and tried again at the next refresh", () => {
  limits.set(CONTAINER, 1000 * M);
  armError = new SysError("eventfd", EMFILE);
  armer.refresh(CONTAINER);
  expect(troubles.length).toBe(1);
  expect(armer.armedCount).toBe(0);
  armError = null;
  armer.refreshAll();
  expect(armer.armedCount).toBe(1);
});

describe("what is known of a cgroup", () => {
  const known = () => Array.from(armer.known(), ({ cgroup, state }) => [cgroup, state]);

  test("is its limit, and the threshold it is armed with", () => {
    limits.set(CONTAINER, 1000 * M);
    armer.refresh(CONTAINER);
    expect([...armer.known()]).toMatchObject([
      { cgroup: CONTAINER, limitBytes: 1000 * M, thresholdBytes: 980 * M, state: "armed" },
    ]);
    armer.applyRules(rules({ marginRatio: 0.04 }));
    expect([...armer.known()]).toMatchObject([{ thresholdBytes: 960 * M }]);
  });

  test("is whether it is armed, cannot be, or is not to be", () => {
    limits.set(CONTAINER, Number.POSITIVE_INFINITY);
    armer.refresh(CONTAINER);
    expect(known()).toEqual([[CONTAINER, "not to be armed"]]);
    limits.set(CONTAINER, 100 * M);
    armError = new SysError("open", EMFILE, CONTAINER);
    armer.refresh(CONTAINER);
    expect(known()).toEqual([[CONTAINER, "unarmed"]]);
    armError = null;
    armer.refresh(CONTAINER);
    expect(known()).toEqual([[CONTAINER, "armed"]]);
  });

  test("is that the sentinel cannot watch it, as long as it is not armed anew", () => {
    limits.set(CONTAINER, 100 * M);
    armer.refresh(CONTAINER);
    const slot = watches()[0]!.slot;
    armer.helpless({ type: "helpless", slot, isWatched: true });
    expect(known()).toEqual([[CONTAINER, "armed"]]);
    armer.helpless({ type: "helpless", slot, isWatched: false });
    expect(known()).toEqual([[CONTAINER, "unarmed"]]);
    limits.set(CONTAINER, 200 * M);
    armer.refresh(CONTAINER);
    expect(known()).toEqual([[CONTAINER, "armed"]]);
  });

  test("ends with it, and of others the oldest comes first", () => {
    limits.set(POD, 200 * M).set(CONTAINER, 100 * M);
    armer.refresh(POD);
    armer.refresh(CONTAINER);
    expect(known().map(([cgroup]) => cgroup)).toEqual([POD, CONTAINER]);
    armer.forget(POD);
    armer.refresh(POD);
    expect(known().map(([cgroup]) => cgroup)).toEqual([CONTAINER, POD]);
    armer.forget(POD);
    armer.forget(CONTAINER);
    expect(known()).toEqual([]);
  });
});
