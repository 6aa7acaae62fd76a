import { describe, expect, test } from "bun:test";
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
    badness: 248_543,
    ...changes,
  };
}

/** The worked example: a JVM and its sandbox in 1 GiB. */
function report(changes: Partial<ExplainReport> = {}): ExplainReport {
  return {
    version: 1,
    cgroup: "/kubepods/pod1",
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
    totalPages: 262_144,
    pageBytes: 4096,
    processes: [
      process(2000),
      process(1000, {
        comm: "pause",
        cgroup: "/kubepods/pod1/c0",
        rssBytes: 276 * 1024,
        oomScoreAdj: -998,
        badness: 1,
      }),
      process(2001, { comm: "helper", cgroup: "/kubepods/pod1/c1/inner", badness: 5 }),
      process(3000, { comm: "untouchable", oomScoreAdj: -1000, badness: null }),
    ],
    kernelVictim: { pid: 2000, comm: "java" },
    kernelKillsCgroup: null,
    oldKernelVictim: { pid: 1000, comm: "pause" },
    guardVictim: { pid: 2000, comm: "java" },
    guardCgroup: "/kubepods/pod1/c1",
    now: "nothing to do, 23.5M are left to the threshold",
    ...changes,
  };
}

const lines = (text: string) => text.trimEnd().split("\n");
const lineWith = (text: string, part: string) => lines(text).find((line) => line.includes(part)) ?? "";

test("tells each process's points and who would die by whose choice", () => {
  const text = renderExplain(report(), plain);
  expect(lineWith(text, "248543")).toMatch(/2000\s+java .*\b2\s+248543\s+<- kernel, oom-guard$/);
  expect(lineWith(text, "helper")).toEndWith("<- oom-guard");
  expect(lineWith(text, "pause  ")).toMatch(/-998\s+1$/);
  expect(lineWith(text, "untouchable")).toMatch(/-1000\s+never$/);
  expect(text).toContain("Points = (RSS + swap + page tables) / 4096 + adj * 262;");
  expect(lineWith(text, "This kernel")).toEndWith("java (pid 2000)");
  expect(lineWith(text, "3.10 kernel")).toEndWith("pause (pid 1000)");
  expect(lineWith(text, "oom-guard (container)")).toEndWith(
    "every process of /kubepods/pod1/c1 (2, largest java (pid 2000))",
  );
  expect(lineWith(text, "Now:")).toBe("Now: nothing to do, 23.5M are left to the threshold");
  expect(text).toEndWith("\n");
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
    badness: -274_877_906,
  });
  const text = renderExplain(
    report({
      processes: [widest],
      kernelVictim: { pid: 4_194_304, comm: "x" },
      guardVictim: { pid: 4_194_304, comm: "x" },
    }),
    plain,
  );
  const table = lines(text).filter((line) => line.includes("PROCESS") || line.includes("4194304  "));
  expect(table.length).toBe(2);
  for (const line of table) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
});

test("colour comes only where it is wanted", () => {
  expect(renderExplain(report(), plain)).not.toContain("\x1b");
  expect(renderExplain(report(), { ...plain, color: true })).toContain("\x1b[1m");
});
