import { describe, expect, test } from "bun:test";
import { SysError } from "../../../ffi/sys-error.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { rowOf, stateOf, surveyAll } from "../../../src/survey/scan-rows.ts";
import type { Survey, Surveyed } from "../../../src/survey/survey.ts";
import { facts, M } from "../decide/processes.ts";
import { unsaid } from "../discover/pods.ts";

/** A container of 1000M: margin 20M, threshold 980M. */
function surveyed(usage: number, changes: Partial<Surveyed> = {}): Surveyed {
  return {
    cgroup: "/docker/c",
    identity: {
      kind: "container",
      namespace: "default",
      pod: "web-0",
      podUid: "uid",
      container: "app",
      containerId: "c",
      qos: "Burstable",
    },
    policy: "container",
    limitBytes: 1000 * M,
    bounds: { thresholdBytes: 980 * M, marginBytes: 20 * M, cacheFloorBytes: 20 * M },
    reading: {
      usageBytes: usage * M,
      slackBytes: 0,
      fileBytes: 5 * M,
      inactiveFileBytes: 4 * M,
      swappableBytes: 2 * M,
      anonBytes: 900 * M,
      residentBytes: 900 * M,
    },
    totalPages: 256_000,
    processes: [],
    kernelVictim: facts(1, 10),
    guardChoice: { cgroup: "/docker/c", largest: facts(2, 20) },
    ...changes,
  };
}

const pods = new NodePods();
pods.replaceAll([
  {
    ...{ namespace: "default", name: "web-0", uid: "uid", nodeUid: "uid", qos: null, ...unsaid },
    containers: [
      { name: "app", kind: "app", containerIds: ["c"], requestBytes: 300 * M, limitBytes: 999 * M },
    ],
  },
]);

describe("the state", () => {
  test.each([
    [0, "ok"],
    [959, "ok"],
    [960, "near"],
    [979, "near"],
    [980, "over"],
    [1000, "over"],
    [1001, "over"],
  ] as const)("at %dM of 1000M is %s", (usage, state) => {
    expect(stateOf(surveyed(usage))).toBe(state);
  });
});

test("a row has the fields of the contract, and nothing else", () => {
  expect(rowOf(surveyed(970), pods)).toEqual({
    cgroup: "/docker/c",
    kind: "container",
    namespace: "default",
    pod: "web-0",
    container: "app",
    containerId: "c",
    qos: "Burstable",
    requestBytes: 300 * M,
    specLimitBytes: 999 * M,
    limitBytes: 1000 * M,
    usageBytes: 970 * M,
    reclaimableBytes: 7 * M,
    anonBytes: 900 * M,
    marginBytes: 20 * M,
    thresholdBytes: 980 * M,
    headroomBytes: 30 * M,
    workingSetBytes: 966 * M,
    overcommitBytes: 700 * M,
    wasteBytes: 0,
    policy: "container",
    state: "near",
    kernelVictim: { pid: 1, comm: "p1" },
    guardVictim: { pid: 2, comm: "p2" },
  });
});

test("what is asked for and not used is wasted", () => {
  expect(rowOf(surveyed(100), pods)).toMatchObject({ workingSetBytes: 96 * M, wasteBytes: 204 * M });
});

test("nobody to kill is null, and a limit below usage leaves no headroom", () => {
  expect(rowOf(surveyed(1100, { kernelVictim: null, guardChoice: null }), new NodePods())).toMatchObject({
    headroomBytes: 0,
    requestBytes: null,
    overcommitBytes: null,
    wasteBytes: null,
    kernelVictim: null,
    guardVictim: null,
  });
});

test("cgroups without a limit are counted, those that vanish are left out, other errors are not hidden", () => {
  const survey = {
    look(cgroup: string) {
      if (cgroup === "/gone") throw new SysError("read", 2, cgroup);
      if (cgroup === "/bug") throw new TypeError("x");
      return cgroup === "/free" ? null : surveyed(1, { cgroup });
    },
  } as Survey;
  const { found, unlimited } = surveyAll(survey, ["/a", "/free", "/gone", "/b"]);
  expect(found.map(({ cgroup }) => cgroup)).toEqual(["/a", "/b"]);
  expect(unlimited).toBe(1);
  expect(() => surveyAll(survey, ["/bug"])).toThrow(TypeError);
});
