import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { hierarchyToLookAt } from "../../../src/cgroup/look-at.ts";
import { hierarchyV1 } from "../../../src/cgroup/v1/hierarchy.ts";
import { defaults } from "../../../src/config/defaults.ts";
import type { LocatedMemory } from "../../../src/discover/locate-memory.ts";
import { type Guarded, lookAtGuarded } from "../../../src/doctor/guarded.ts";
import { checkHugePages } from "../../../src/doctor/huge-pages.ts";
import { checkPanicOnOom } from "../../../src/doctor/panic-on-oom.ts";
import { judgeReclaim, type ReclaimFacts } from "../../../src/doctor/reclaim.ts";
import { checkRoots } from "../../../src/doctor/roots.ts";
import { judgeSelfTest, type SelfTestFacts } from "../../../src/doctor/self-test.ts";
import { checkSwap, readSwap, type SwapState } from "../../../src/doctor/swap.ts";
import { tree } from "./tree.ts";

const MIB = 2 ** 20;
const UNLIMITED = String(9223372036854771712n);

/** A mount with these cgroups: limit, use_hierarchy. */
function mountWith(cgroups: Readonly<Record<string, readonly [string, string]>>): string {
  return tree(
    Object.fromEntries(
      Object.entries(cgroups).flatMap(([cgroup, [limit, useHierarchy]]) => [
        [`${cgroup}/memory.limit_in_bytes`, `${limit}\n`],
        [`${cgroup}/memory.use_hierarchy`, `${useHierarchy}\n`],
      ]),
    ),
  );
}

describe("what a guard would find", () => {
  const id = "0123456789ab".repeat(5).padEnd(64, "0");
  const pod = "kubepods/pod11111111-2222-3333-4444-555555555555";
  const look = (cgroups: Parameters<typeof mountWith>[0], config = defaults) =>
    lookAtGuarded(
      hierarchyV1(mountWith(cgroups), { unit: "bytes", keeper: null, mayHold: false }),
      config,
      false,
    );

  test("counts roots, cgroups and limits, and works out margins by the rules", () => {
    const rules = [{ match: { cgroup: "/docker/*" }, set: { minMarginBytes: 8 * MIB } }];
    const found = look(
      {
        kubepods: [UNLIMITED, "1"],
        [pod]: [String(100 * MIB), "1"],
        [`${pod}/${id}`]: [String(1000 * MIB), "1"],
        [`docker/${id}`]: [String(64 * MIB), "1"],
        "user.slice/x": [String(64 * MIB), "1"],
      },
      { ...defaults, rules },
    );
    expect(found.presentRoots).toEqual(["/kubepods", "/docker"]);
    // docker itself has no limit file here, which is what a cgroup has that is removed meanwhile.
    expect(found.cgroupCount).toBe(5);
    expect(new Map(found.limited.map(({ cgroup, marginBytes }) => [cgroup, marginBytes / MIB]))).toEqual(
      new Map([
        [`/${pod}`, 2],
        [`/${pod}/${id}`, 20],
        [`/docker/${id}`, 8],
      ]),
    );
    expect(found.uncovered).toEqual([]);
  });

  test("a pod whose limit does not cover its containers is not one of them", () => {
    const found = look({
      kubepods: [UNLIMITED, "0"],
      [pod]: [String(100 * MIB), "0"],
      [`${pod}/${id}`]: [String(50 * MIB), "0"],
    });
    expect(found.uncovered).toEqual([`/${pod}`]);
    expect(found.limited.map(({ cgroup }) => cgroup)).toEqual([`/${pod}/${id}`]);
  });

  test.each([
    ["v1", look({}), { isHeld: false, watchesEach: 4, descriptorsEach: 8 }],
    ["v2", lookAtV2(true), { isHeld: true, watchesEach: 3, descriptorsEach: 4 }],
    ["v2 without memory.high", lookAtV2(false), { isHeld: false, watchesEach: 3, descriptorsEach: 5 }],
  ])("what watching costs on %s", (_, found, expected) => {
    expect(found).toMatchObject(expected);
  });

  test("on v2 a cgroup without the controller is one without a limit", () => {
    const mount = tree({ "kubepods/memory.max": "max\n", [`${pod}/memory.max`]: `${100 * MIB}\n` });
    mkdirSync(`${mount}/${pod}/off`);
    const found = lookAtGuarded(hierarchyToLookAt({ version: 2, path: mount }), defaults, true);
    expect(found.cgroupCount).toBe(3);
    expect(found.limited).toEqual([{ cgroup: `/${pod}`, marginBytes: 2 * MIB }]);
  });
});

function lookAtV2(isHeld: boolean): Guarded {
  return lookAtGuarded(hierarchyToLookAt({ version: 2, path: tree() }), defaults, isHeld);
}

const nothing: Guarded = {
  presentRoots: [],
  cgroupCount: 0,
  limited: [],
  uncovered: [],
  isHeld: false,
  watchesEach: 1,
  descriptorsEach: 8,
};

describe("cgroups:", () => {
  const limited = [{ cgroup: "/docker/x", marginBytes: MIB }];

  test("none of the roots is there yet", () => {
    expect(checkRoots(nothing, ["/kubepods", "/docker"])).toEqual({
      outcome: "warn",
      detail: "nothing to guard yet: none of /kubepods /docker exists",
      fix: "start kubelet or Docker, or set cgroup_roots to where the containers are",
    });
  });

  test("one root is enough", () => {
    const guarded = { ...nothing, presentRoots: ["/docker"], cgroupCount: 3, limited };
    expect(checkRoots(guarded, ["/kubepods", "/docker"])).toMatchObject({
      outcome: "ok",
      detail: "3 cgroups below /docker, 1 with a limit",
    });
  });

  test("pods that are not guarded are told of", () => {
    const guarded = {
      ...nothing,
      presentRoots: ["/kubepods"],
      cgroupCount: 3,
      uncovered: ["/kubepods/podx"],
    };
    const found = checkRoots(guarded, ["/kubepods"]);
    expect(found.outcome).toBe("warn");
    expect(found.detail).toContain("1 pod is not guarded");
    expect(found.fix).toContain("memory.use_hierarchy");
  });
});

describe("self-test:", () => {
  const good: SelfTestFacts = {
    version: 1,
    told: "bytes",
    refused: [],
    crossed: true,
    notifiedMicros: 80,
    deadMicros: 1900,
  };
  test.each<[string, Partial<SelfTestFacts>, string, string]>([
    [
      "everything works",
      {},
      "ok",
      "thresholds work: notified 80 us after the crossing, killed and reaped in 1.9 ms",
    ],
    [
      "notified in the same look",
      { notifiedMicros: 0 },
      "ok",
      "thresholds work: notified at the crossing, killed",
    ],
    [
      "thresholds in pages",
      { told: "pages" },
      "ok",
      "thresholds, which this kernel takes in pages, work: notified",
    ],
    [
      "no thresholds",
      { told: "none", notifiedMicros: null },
      "warn",
      "polling carry the guard; killed and reaped",
    ],
    ["no notification", { notifiedMicros: null }, "fail", "no notification came within 2 s"],
    ["it lives on", { deadMicros: null }, "fail", "did not die of SIGKILL"],
    ["it did not grow", { crossed: false, notifiedMicros: null, deadMicros: null }, "fail", "did not grow"],
    [
      "memory.high",
      { version: 2, told: "high" },
      "ok",
      "memory.high works: notified 80 us after the crossing",
    ],
    [
      "memory.high, no notification",
      { version: 2, told: "high", notifiedMicros: null },
      "fail",
      "no notification came within 2 s",
    ],
    [
      "memory.high cannot be set",
      { version: 2, told: "high", notifiedMicros: null, refused: ["threshold (EACCES)"] },
      "fail",
      "memory.high cannot be set: threshold (EACCES)",
    ],
    [
      "memory.high is not to be set",
      { version: 2, told: "none", notifiedMicros: null },
      "ok",
      "without memory.high: seen to grow past its threshold, killed and reaped in 1.9 ms",
    ],
    ["no pressure notification", { refused: ["pressure (EINVAL)"] }, "warn", "refused: pressure (EINVAL)"],
  ])("%s", (_, facts, outcome, detail) => {
    const found = judgeSelfTest({ ...good, ...facts });
    expect(found).toMatchObject({ outcome, detail: expect.stringContaining(detail) });
    expect(found.fix === null).toBe(outcome === "ok");
  });
});

const swapOff: SwapState = { totalBytes: 0, freeBytes: 0, swappiness: 60 };
const swapOn: SwapState = { totalBytes: 2048 * MIB, freeBytes: 512 * MIB, swappiness: 60 };

describe("reclaim:", () => {
  test.each([
    ["done", swapOff, "ok", "memory.force_empty works"],
    ["done", swapOn, "ok", "memory.force_empty works, not used where memory would go to swap"],
    ["done", { ...swapOn, swappiness: 0 }, "ok", "memory.force_empty works"],
    [
      "refused",
      swapOff,
      "warn",
      "memory.force_empty is refused while a cgroup has processes (Linux before 3.16)",
    ],
    ["cut-off", swapOff, "warn", "memory.force_empty of a near-empty cgroup took more than 500 ms"],
    ["failed", swapOff, "warn", "this kernel has no memory.force_empty"],
  ] as const)("v1, %s", (answer, swap, outcome, detail) => {
    const facts = { version: 1, outcome: answer, sparesSwap: false, isHeld: false } as const;
    expect(judgeReclaim(facts, swap)).toMatchObject({ outcome, detail });
  });

  const v2: ReclaimFacts = { version: 2, outcome: "done", sparesSwap: true, isHeld: true };
  test.each<[string, Partial<ReclaimFacts>, SwapState, string, string]>([
    ["6.9, no swap", {}, swapOff, "ok", "memory.reclaim works"],
    ["6.9", {}, swapOn, "ok", "memory.reclaim works, and spares what would go to swap"],
    [
      "5.19",
      { sparesSwap: false },
      swapOn,
      "ok",
      "memory.reclaim works, not used where memory would go to swap",
    ],
    [
      "5.10",
      { outcome: "refused" },
      swapOff,
      "ok",
      "this kernel has no memory.reclaim (Linux 5.19 has): it reclaims at memory.high by itself",
    ],
    [
      "5.10 without memory.high",
      { outcome: "refused", isHeld: false },
      swapOff,
      "warn",
      "this kernel has no memory.reclaim (Linux 5.19 has), nor is memory.high used: it reclaims at the limit only",
    ],
    [
      "slow",
      { outcome: "cut-off" },
      swapOff,
      "warn",
      "memory.reclaim of a near-empty cgroup took more than 500 ms",
    ],
    ["not even tried", { outcome: "failed" }, swapOff, "warn", "memory.reclaim could not be tried"],
  ])("v2, %s", (_, facts, swap, outcome, detail) => {
    const found = judgeReclaim({ ...v2, ...facts }, swap);
    expect(found).toMatchObject({ outcome, detail });
    expect(found.fix === null).toBe(outcome === "ok");
  });
});

describe("swap:", () => {
  const v1: LocatedMemory = { ok: true, mount: { version: 1, path: "/m" } };
  const v2: LocatedMemory = { ok: true, mount: { version: 2, path: "/m" } };
  const proc = (total: number, free: number, swappiness: string) =>
    tree({
      meminfo: `MemTotal: 100 kB\nSwapCached: 7 kB\nSwapTotal:  ${total} kB\nSwapFree:  ${free} kB\n`,
      "sys/vm/swappiness": `${swappiness}\n`,
    });
  test.each([
    ["off", proc(0, 0, "60"), "ok", "off"],
    [
      "on",
      proc(2097152, 524288, "60"),
      "warn",
      "512M of 2G free, vm.swappiness 60: a container that can still swap is not killed, it gets slow first",
    ],
    [
      "on, not for containers",
      proc(2097152, 0, "0"),
      "ok",
      "0 of 2G free, vm.swappiness 0: containers do not swap",
    ],
    ["a /proc without it", tree(), "ok", "off"],
  ])("%s", (_, procRoot, outcome, detail) => {
    expect(checkSwap(readSwap(procRoot), v1)).toMatchObject({ outcome, detail });
  });

  test.each([
    [v1, "or set memory.memsw.limit_in_bytes of the containers"],
    [v2, "or set memory.swap.max to 0 in the containers"],
  ])("the fix names the file of the version: %j", (located, fix) => {
    expect(checkSwap(swapOn, located).fix).toEndWith(fix);
  });
});

describe("huge-pages:", () => {
  const sys = (enabled: string, bytes = "2097152") =>
    tree({
      "kernel/mm/transparent_hugepage/enabled": `${enabled}\n`,
      "kernel/mm/transparent_hugepage/hpage_pmd_size": `${bytes}\n`,
    });
  const margins = (...sizes: number[]) => ({
    isHeld: false,
    limited: sizes.map((size, index) => ({ cgroup: `/${index}`, marginBytes: size * MIB })),
  });
  const always = "[always] madvise never";

  test.each([
    ["madvise", sys("always [madvise] never"), margins(1), "ok", "madvise"],
    ["never", sys("always madvise [never]"), margins(1), "ok", "never"],
    ["not built", tree(), margins(1), "ok", "this kernel has none"],
    [
      "always, wide margins",
      sys(always),
      margins(4, 50),
      "ok",
      "always, 2M at a time: no margin is below 4M now",
    ],
    [
      "always, nothing to guard",
      sys(always),
      margins(),
      "ok",
      "always, 2M at a time: no margin is below 4M now",
    ],
    [
      "always, narrow margins",
      sys(always),
      margins(1, 3.9, 4, 20),
      "warn",
      "always, 2M at a time: 2 of 4 limited cgroups have margins below 4M, which two page faults can jump",
    ],
    [
      "always, narrow margins that memory.high holds",
      sys(always),
      { ...margins(1), isHeld: true },
      "ok",
      "always, 2M at a time: at the limit small ones come instead, which memory.high holds back",
    ],
    ["always, no hierarchy", sys(always), null, "skip", "always, but there are no margins to look at"],
  ] as const)("%s", (_, sysRoot, guarded, outcome, detail) => {
    expect(checkHugePages(sysRoot, guarded)).toMatchObject({ outcome, detail });
  });

  test("the fix is a margin or no huge pages; where they are enormous, the latter only", () => {
    expect(checkHugePages(sys(always), margins(1)).fix).toBe(
      'set min_margin = "4M", or echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
    );
    expect(checkHugePages(sys(always, String(512 * MIB)), margins(1)).fix).toBe(
      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    );
  });
});

describe("panic-on-oom:", () => {
  const vm = (values: Record<string, string>) =>
    tree(Object.fromEntries(Object.entries(values).map(([name, value]) => [`sys/vm/${name}`, `${value}\n`])));
  test.each([
    [{ panic_on_oom: "0" }, "ok", "the kernel kills, it does not panic"],
    [{}, "ok", "the kernel kills, it does not panic"],
    [{ panic_on_oom: "1" }, "warn", "vm.panic_on_oom is 1: a node out of memory panics"],
    [
      { panic_on_oom: "2" },
      "warn",
      "vm.panic_on_oom is 2: a container that reaches its limit panics the node",
    ],
    [{ oom_kill_allocating_task: "1" }, "ok", expect.stringContaining("vm.oom_kill_allocating_task")],
    [{ overcommit_memory: "2" }, "ok", expect.stringContaining("vm.overcommit_memory 2")],
  ] as const)("%j", (values, outcome, detail) => {
    expect(checkPanicOnOom(vm(values))).toMatchObject({ outcome, detail });
  });
});
