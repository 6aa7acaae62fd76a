import { describe, expect, test } from "bun:test";
import { SysError } from "../../../ffi/sys-error.ts";
import { allocatable } from "../../../src/node/allocatable.ts";
import type { KubeletAnswer } from "../../../src/node/kubelet-memory.ts";
import { podsLimitBytes } from "../../../src/node/pods-limit.ts";

const kubelet = (evictionThresholdBytes: number | null, limitsPods = true): KubeletAnswer => ({
  ok: true,
  value: { evictionThresholdBytes, limitsPods },
});
const unknown: KubeletAnswer = { ok: false, why: "x" };
const INFINITE = Number.POSITIVE_INFINITY;

test.each<[string, number | null, number | null, KubeletAnswer, number | null, "api" | "cgroup" | null]>([
  ["the Node's word", 700, 900, kubelet(100), 700, "api"],
  ["the cgroup's limit without the eviction threshold", null, 900, kubelet(100), 800, "cgroup"],
  ["all of it where kubelet has no threshold", null, 900, kubelet(null), 900, "cgroup"],
  ["never negative", null, 50, kubelet(100), 0, "cgroup"],
  ["unknown where the threshold is", null, 900, unknown, null, null],
  ["unknown where kubelet does not limit the cgroup", null, 900, kubelet(100, false), null, null],
  ["unknown where the cgroup has no limit", null, INFINITE, kubelet(100), null, null],
  ["unknown where there is no such cgroup", null, null, kubelet(100), null, null],
])("allocatable: %s", (_promise, api, cgroup, answer, allocatableBytes, allocatableSource) => {
  expect(allocatable(api, cgroup, answer)).toEqual({ allocatableBytes, allocatableSource });
});

describe("the pods' cgroup", () => {
  const limits = (cgroups: string[]) => podsLimitBytes({ limitBytes: (cgroup) => cgroup.length }, cgroups);
  test.each<[string, string[], string | null]>([
    ["of the cgroupfs driver", ["/kubepods", "/kubepods/burstable", "/kubepods/podx"], "/kubepods"],
    [
      "of the systemd driver",
      ["/kubepods.slice", "/kubepods.slice/kubepods-burstable.slice"],
      "/kubepods.slice",
    ],
    ["below a root", ["/my/kubepods", "/my/kubepods/podx"], "/my/kubepods"],
    ["below a slice", ["/my.slice/my-kubepods.slice"], "/my.slice/my-kubepods.slice"],
    ["one of two is none", ["/a/kubepods", "/b/kubepods"], null],
    ["none", ["/docker", "/docker/x", "/xkubepods"], null],
  ])("%s", (_promise, cgroups, found) => expect(limits(cgroups)).toBe(found === null ? null : found.length));

  test("one that has just gone has no limit; other errors are not hidden", () => {
    const failing = (error: Error) => () => {
      throw error;
    };
    const gone = { limitBytes: failing(new SysError("read", 2, "x")) };
    expect(podsLimitBytes(gone, ["/kubepods"])).toBeNull();
    const broken = { limitBytes: failing(new TypeError("x")) };
    expect(() => podsLimitBytes(broken, ["/kubepods"])).toThrow(TypeError);
  });
});
