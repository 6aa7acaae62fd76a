import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pageBytes } from "../../../ffi/sysinfo.ts";
import { memoryReader } from "../../../src/cgroup/memory-reader.ts";
import { defaults } from "../../../src/config/defaults.ts";
import type { ProcessFacts } from "../../../src/decide/badness.ts";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { explain } from "../../../src/survey/explain.ts";
import type { Surveyed, SurveyTools } from "../../../src/survey/survey.ts";
import { facts, GIB_PAGES, javaAndPause } from "../decide/processes.ts";

const GIB = GIB_PAGES * pageBytes;
const POD = "/kubepods/pod11111111-2222-3333-4444-555555555555";
const SANDBOX = `${POD}/${"a".repeat(64)}`;
const APP = `${POD}/${"b".repeat(64)}`;

const procRoot = mkdtempSync(join(tmpdir(), "oom-guard-explain-"));
afterAll(() => rmSync(procRoot, { recursive: true }));

function putInto(cgroup: string, { pid }: ProcessFacts): void {
  mkdirSync(join(procRoot, String(pid)), { recursive: true });
  writeFileSync(join(procRoot, String(pid), "cgroup"), `4:memory:${cgroup}\n`);
}

/** What `explain` tells of a Guaranteed pod of 1 GiB, on a kernel. */
function explained(release: string, processes: readonly ProcessFacts[], changes: Partial<Surveyed> = {}) {
  const surveyed = {
    cgroup: POD,
    identity: {
      kind: "pod",
      ...{ namespace: null, pod: null, podUid: null, container: null, containerId: null },
      qos: "Guaranteed",
    },
    policy: "container",
    limitBytes: GIB,
    bounds: { thresholdBytes: GIB * 0.98, marginBytes: GIB * 0.02, cacheFloorBytes: GIB * 0.02 },
    reading: { usageBytes: GIB / 2, fileBytes: 0, swappableBytes: 0, slackBytes: 0, anonBytes: GIB / 2 },
    totalPages: GIB_PAGES,
    processes,
    kernelVictim: null,
    guardChoice: null,
    ...changes,
  } as unknown as Surveyed;
  const tools = {
    config: defaults,
    // The cgroups are not there: nothing says that one dies as a whole.
    hierarchy: { mount: "/nonexistent", version: 1 },
    reader: memoryReader(1),
    names: new ContainerNames(),
    pods: new NodePods(),
    podsError: null,
    kernel: kernelGeneration(release),
    procRoot,
  } as unknown as SurveyTools;
  return explain(surveyed, tools, changes.cgroup ?? POD);
}

describe("a JVM and its sandbox in a Guaranteed pod of 1 GiB", () => {
  /** The kernel meets the sandbox first: it is older. */
  function pod(adj: number) {
    const { java, pause } = javaAndPause(-998);
    putInto(SANDBOX, pause);
    putInto(APP, java);
    return [pause, { ...java, oomScoreAdj: adj }];
  }
  const of = (release: string, adj: number) => {
    const report = explained(release, pod(adj));
    const points = Object.fromEntries(report.processes.map(({ comm, badness }) => [comm, badness]));
    const scores = Object.fromEntries(
      report.processes.map(({ comm, badness }) => [comm, Math.floor((badness! * 1000) / report.totalPages)]),
    );
    return { report, points, scores };
  };

  // What 998 thousandths of the limit come to, and 2.
  const SPARED = 998 * 262;
  const ADDED = 2 * 262;

  test.each([
    ["3.10.0-1160.el7.x86_64", 1, 1, "pause"],
    ["4.19.0-27-amd64", 1, 1, "pause"],
    ["5.10.0-33-amd64", 248_019 - SPARED, 76 - SPARED, "java"],
    ["6.18.44", 248_019 - SPARED, 76 - SPARED, "java"],
  ])("at -998 on Linux %s", (release, java, pause, victim) => {
    const { report, points } = of(release, -998);
    expect(points).toEqual({ java, pause });
    expect(report.kernelVictim?.comm).toBe(victim);
    expect(report.oldKernelVictim?.comm).toBe("pause");
  });

  test.each([
    ["3.10.0-1160.el7.x86_64", 1, 0],
    ["4.19.0-27-amd64", 1, 0],
    ["5.10.0-33-amd64", 76 - SPARED, -998],
    ["6.18.44", 76 - SPARED, -998],
  ])("at 2 the JVM dies, with a score of 948, on Linux %s", (release, pause, pauseScore) => {
    const { report, points, scores } = of(release, 2);
    expect(points).toEqual({ java: 248_543, pause });
    expect(scores).toEqual({ java: 948, pause: pauseScore });
    expect(report.kernelVictim?.comm).toBe("java");
    expect(report.oldKernelVictim?.comm).toBe("java");
    expect(report.oldKernelReason).toBe("this kernel and that one agree");
  });

  test("every term is told, and their sum is the points", () => {
    const { report } = of("6.18.44", 2);
    expect(report.processes[0]).toMatchObject({
      comm: "java",
      terms: {
        rssPages: 247_047,
        swapPages: 0,
        pageTablePages: 972,
        adjPages: ADDED,
        adminBonusPages: 0,
      },
      badness: 247_047 + 972 + ADDED,
    });
  });

  test("both at 1 are a tie that the pod's sandbox loses, and that is said", () => {
    const { report } = of("3.10.0", -998);
    expect(report.kernelReason).toBe(
      "2 processes tie at 1 point, and the first one it finds dies; it is the pod's sandbox, without which the whole pod is made anew",
    );
    expect(of("6.18.44", -998).report.oldKernelReason).toBe(report.kernelReason);
  });

  test("a sandbox is known by what lives in it where no runtime names it", () => {
    const { report } = of("6.18.44", -998);
    expect(report.processes.map(({ comm, isSandbox }) => [comm, isSandbox])).toEqual([
      ["java", false],
      ["pause", true],
    ]);
  });
});

test("of a cgroup with no process there is nobody to name", () => {
  expect(explained("6.18.44", [])).toMatchObject({
    processes: [],
    kernelVictim: null,
    kernelReason: "no process lives in it",
    kernelKillsCgroup: null,
    oldKernelVictim: null,
    guardVictim: null,
    guardReason: "no process lives in it",
  });
});

test("those at -1000 come last and have no points; equals stay in the kernel's order", () => {
  const processes = [
    facts(11, 10, { oomScoreAdj: -1000 }),
    facts(12, 5),
    facts(13, 7),
    facts(14, 5),
    facts(15, 1, { oomScoreAdj: -999 }),
  ];
  const { processes: told } = explained("6.18.44", processes);
  expect(told.map(({ pid, badness }) => [pid, badness])).toEqual([
    [13, 7],
    [12, 5],
    [14, 5],
    [15, 1 - 999 * 262],
    [11, null],
  ]);
});

test("a process that is gone by now is in no cgroup, and everything else is told of it", () => {
  const gone = facts(999_999, 5);
  expect(explained("6.18.44", [gone]).processes).toMatchObject([{ pid: gone.pid, cgroup: "", badness: 5 }]);
});
