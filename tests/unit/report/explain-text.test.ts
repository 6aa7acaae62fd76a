import { describe, expect, test } from "bun:test";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import type { ExplainedProcess, ExplainReport } from "../../../src/report/explain-report.ts";
import { renderExplain } from "../../../src/report/explain-text.ts";
import { M } from "../record/incidents.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

const plain = { columns: 80, color: false, unicode: true };

function process(pid: number, changes: Partial<ExplainedProcess> = {}): ExplainedProcess {
  return {
    pid,
    comm: "java",
    cgroup: "/kubepods/pod1/c1",
    rssBytes: 965 * M,
    swapBytes: 0,
    pageTableBytes: 3888 * 1024,
    oomScoreAdj: 2,
    terms: { rssPages: 247_047, swapPages: 0, pageTablePages: 972, adjPages: 524, adminBonusPages: 0 },
    badness: 248_543,
    isSandbox: false,
    ...changes,
  };
}

const few = { rssPages: 5, swapPages: 0, pageTablePages: 0, adjPages: 0, adminBonusPages: 0 };

/** The worked example: a JVM and its sandbox in 1 GiB. */
function report(changes: Partial<ExplainReport> = {}): ExplainReport {
  return {
    version: 1,
    cgroup: "/kubepods/pod1",
    askedCgroup: "/kubepods/pod1",
    kind: "pod",
    namespace: "default",
    pod: "web-0",
    container: null,
    containerId: null,
    qos: "Guaranteed",
    limitBytes: 1024 * M,
    thresholdBytes: 1003.52 * M,
    usageBytes: 980 * M,
    reclaimableBytes: 3 * M,
    policy: "container",
    held: false,
    totalPages: 262_144,
    pageBytes: 4096,
    kernel: kernelGeneration("4.19.0"),
    processes: [
      process(2000),
      process(1000, {
        comm: "pause",
        cgroup: "/kubepods/pod1/c0",
        rssBytes: 276 * 1024,
        oomScoreAdj: -998,
        terms: { rssPages: 69, swapPages: 0, pageTablePages: 7, adjPages: -261_476, adminBonusPages: 0 },
        badness: 1,
        isSandbox: true,
      }),
      process(2001, { comm: "helper", cgroup: "/kubepods/pod1/c1/inner", terms: few, badness: 5 }),
      process(3000, { comm: "untouchable", oomScoreAdj: -1000, badness: null }),
    ],
    kernelVictim: { pid: 2000, comm: "java" },
    kernelReason: "it has the most points",
    kernelKillsCgroup: null,
    oldKernelVictim: { pid: 1000, comm: "pause" },
    oldKernelReason: "2 processes tie",
    guardVictim: { pid: 2000, comm: "java" },
    guardReason: "it dies as one",
    guardCgroup: "/kubepods/pod1/c1",
    now: "nothing to do, 23.5M are left to the threshold",
    ...changes,
  };
}

const lines = (text: string) => text.trimEnd().split("\n");
const lineWith = (text: string, part: string) => lines(text).find((line) => line.includes(part)) ?? "";

test.each([
  [true, 1],
  [false, 0],
])("that tasks wait at the limit is said where they do: %p", (held, lines) => {
  expect(renderExplain(report({ held }), plain).match(/^Held: tasks wait at the limit/gm) ?? []).toHaveLength(
    lines,
  );
});

test("tells each process's points and who would die by whose choice", () => {
  const text = renderExplain(report(), plain);
  expect(lineWith(text, "248543")).toMatch(/2000\s+java .*\b2\s+248543\s+<- kernel, oom-guard$/);
  expect(lineWith(text, "helper")).toEndWith("<- oom-guard");
  expect(lineWith(text, "pause  ")).toMatch(/-998\s+1$/);
  expect(lineWith(text, "untouchable")).toMatch(/-1000\s+never$/);
  expect(text).toContain(
    "In pages of 4096 bytes; the most points die, oom_score_adj -1000 never does:\n" +
      "On this kernel whatever is below 1 counts as 1.\n" +
      " PID     RSS  + SWAP  + TABLES  + ADJ * 262       = POINTS\n" +
      "2000  247047       0       972          524         248543\n" +
      "1000      69       0         7      -261476  -261400, so 1\n",
  );
  expect(lineWith(text, "This kernel")).toEndWith("java (pid 2000)");
  expect(lineWith(text, "3.10 kernel")).toEndWith("pause (pid 1000)");
  expect(lineWith(text, "oom-guard (container)")).toEndWith(
    "every process of /kubepods/pod1/c1 (2, largest java (pid 2000))",
  );
  expect(lineWith(text, "Now:")).toBe("Now: nothing to do, 23.5M are left to the threshold");
  expect(text).toEndWith("\n");
});

test("each verdict is followed by its reason", () => {
  const all = lines(renderExplain(report(), plain));
  const after = (part: string) => all[all.findIndex((line) => line.includes(part)) + 1];
  expect(after("This kernel")).toBe("  it has the most points");
  expect(after("3.10 kernel")).toBe("  2 processes tie");
  expect(after("oom-guard (container)")).toBe("  it dies as one");
});

test("a kernel that makes a 1 of what is below says so", () => {
  const said = "On this kernel whatever is below 1 counts as 1.";
  expect(renderExplain(report(), plain)).toContain(said);
  expect(renderExplain(report({ kernel: kernelGeneration("6.18.44") }), plain)).not.toContain(said);
});

test("says where the limit is that of a cgroup above", () => {
  expect(renderExplain(report(), plain)).not.toContain("no limit of its own");
  expect(renderExplain(report({ askedCgroup: "/kubepods/pod1/c1" }), plain)).toContain(
    "(/kubepods/pod1/c1 has no limit of its own; this is the nearest above it that has one)",
  );
});

test("under policy process the guard names one", () => {
  const text = renderExplain(report({ policy: "process", guardCgroup: null }), plain);
  expect(lineWith(text, "oom-guard (process)")).toEndWith(" java (pid 2000)");
});

test("where the kernel takes the victim's whole cgroup, it says so, and marks who dies with it", () => {
  const text = renderExplain(report({ kernelKillsCgroup: "/kubepods/pod1/c1", guardCgroup: null }), plain);
  expect(lineWith(text, "This kernel")).toEndWith(
    "every process of /kubepods/pod1/c1 (2, chosen java (pid 2000); memory.oom.group is 1)",
  );
  expect(lineWith(text, "248543")).toEndWith("<- kernel, oom-guard");
  expect(lineWith(text, "helper")).toEndWith("<- kernel");
  expect(lineWith(text, "pause  ")).toEndWith("1");
  expect(lineWith(text, "untouchable")).toEndWith("never");
});

test("says where nobody lives, and where nobody may be killed", () => {
  const text = renderExplain(
    report({
      processes: [],
      kernelVictim: null,
      oldKernelVictim: null,
      guardVictim: null,
      guardCgroup: null,
    }),
    plain,
  );
  expect(text).toContain("No process lives in it.");
  expect(lineWith(text, "This kernel")).toEndWith("nobody");
});

describe("a name", () => {
  test.each(hostileNames)("with %s stays on its line and harmless", (_, name) => {
    const hostile = report({
      pod: name,
      namespace: name,
      cgroup: `/${name}`,
      guardCgroup: `/${name}`,
      processes: [process(1, { comm: name, cgroup: `/${name}` })],
      kernelVictim: { pid: 1, comm: name },
      kernelKillsCgroup: `/${name}`,
      oldKernelVictim: { pid: 1, comm: name },
      guardVictim: { pid: 1, comm: name },
      askedCgroup: `/${name}`,
      kernelReason: name,
      oldKernelReason: name,
      guardReason: name,
      now: `now ${name}`,
    });
    for (const unicode of [true, false]) {
      const text = renderExplain(hostile, { ...plain, unicode });
      expect(text).not.toMatch(UNSAFE);
      expect(lines(text).length).toBe(
        lines(renderExplain(report({ processes: [process(1)] }), plain)).length,
      );
      if (!unicode) expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    }
  });
});

test("the table fits 80 columns with the longest numbers and names", () => {
  const widest = process(4_194_304, {
    comm: "日本語".repeat(10),
    rssBytes: 1023.9 * 2 ** 40,
    swapBytes: 1023.9 * 2 ** 30,
    pageTableBytes: 1023.9 * M,
    oomScoreAdj: -1000,
    terms: {
      rssPages: 274_850_000_000,
      swapPages: 268_400_000,
      pageTablePages: 262_118,
      adjPages: -274_877_906_000,
      adminBonusPages: 0,
    },
    badness: 240_756_118,
  });
  const text = renderExplain(
    report({
      processes: [widest],
      kernelVictim: { pid: 4_194_304, comm: "x" },
      guardVictim: { pid: 4_194_304, comm: "x" },
    }),
    plain,
  );
  const table = lines(text).filter((line) => /PID|^ *4194304 /.test(line));
  expect(table.length).toBe(4);
  for (const line of table) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
});

test("the sum fits 80 columns where it has the most parts, on an old kernel with 1T", () => {
  const limitPages = 2 ** 28;
  const spared = process(4_194_304, {
    terms: {
      rssPages: limitPages,
      swapPages: limitPages / 8,
      pageTablePages: limitPages / 512,
      adjPages: -268_435_000,
      adminBonusPages: -8_053_050,
    },
    badness: 1,
  });
  const old = kernelGeneration("3.10.0");
  const text = renderExplain(report({ kernel: old, totalPages: limitPages, processes: [spared] }), plain);
  for (const line of lines(text).filter((line) => /PID|^ *4194304 /.test(line))) {
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
  }
});

test("colour comes only where it is wanted", () => {
  expect(renderExplain(report(), plain)).not.toContain("\x1b");
  expect(renderExplain(report(), { ...plain, color: true })).toContain("\x1b[1m");
});
