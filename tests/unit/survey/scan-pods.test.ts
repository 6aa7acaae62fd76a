import { expect, test } from "bun:test";
import type { NodePod } from "../../../src/kubernetes/node-pod.ts";
import { podSums, scanPods } from "../../../src/survey/scan-pods.ts";
import { container, pod } from "../discover/pods.ts";

const of = (
  name: string,
  requestBytes: number | null,
  limitBytes: number | null,
  changes: Partial<NodePod> = {},
) => ({
  ...pod(name, [{ ...container("app"), requestBytes, limitBytes }]),
  ...changes,
});

const pods = [
  of("web", 100, 300),
  of("free", 200, null),
  of("best-effort", null, null),
  of("ended", 1000, 1000, { hasEnded: true }),
  of("static", 50, 60, { nodeUid: "hash" }),
];

test("each pod that has not ended, limited or not", () => {
  const used = new Map([
    ["uid-web", 30],
    ["uid-free", 250],
    ["hash", 10],
  ]);
  expect(scanPods(pods, used).map((it) => Object.values(it))).toEqual([
    ["shop", "web", 100, 300, 30, 200, 70],
    ["shop", "free", 200, null, 250, null, 0],
    ["shop", "best-effort", 0, null, null, null, null],
    ["shop", "static", 50, 60, 10, 10, 40],
  ]);
  expect(Object.keys(scanPods(pods, used)[0]!)).toEqual([
    ...["namespace", "pod", "requestBytes", "limitBytes", "workingSetBytes", "overcommitBytes", "wasteBytes"],
  ]);
});

test("the sums leave out pods that have ended, and count those that may use all there is", () => {
  expect(podSums(pods)).toEqual({ requestsBytes: 350, limitsBytes: 360, podsWithoutLimit: 2 });
});

test("a pod of two containers, one without a limit, has none, but the other's counts", () => {
  const half = pod("half", [
    { ...container("a"), limitBytes: 10, requestBytes: 10 },
    { ...container("b"), requestBytes: 5 },
  ]);
  expect(podSums([half])).toEqual({ requestsBytes: 15, limitsBytes: 10, podsWithoutLimit: 1 });
  expect(scanPods([half], new Map())).toMatchObject([{ requestBytes: 15, limitBytes: null }]);
});

test("no pods are sums of nothing; pods nobody told of are no sums", () => {
  expect(podSums([])).toEqual({ requestsBytes: 0, limitsBytes: 0, podsWithoutLimit: 0 });
  expect(podSums(null)).toEqual({ requestsBytes: null, limitsBytes: null, podsWithoutLimit: null });
});
