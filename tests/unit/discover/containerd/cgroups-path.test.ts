import { describe, expect, test } from "bun:test";
import { cgroupsPathOfSpec, expandCgroupsPath } from "../../../../src/discover/containerd/cgroups-path.ts";

describe("expandCgroupsPath", () => {
  test.each<[string, string, string | null]>([
    ["cgroupfs", "/kubepods/burstable/podX/ID", "/kubepods/burstable/podX/ID"],
    ["cgroupfs with colons", "/a:b:c/ID", "/a:b:c/ID"],
    ["cgroupfs is cleaned as runc cleans it", "/a//b/../../../c/", "/c"],
    ["the root is no container's", "/", null],
    [
      "systemd, a burstable pod: each dash is a level",
      "kubepods-burstable-pod0a_1b.slice:cri-containerd:ID",
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a_1b.slice/cri-containerd-ID.scope",
    ],
    [
      "systemd, a guaranteed pod",
      "kubepods-podX.slice:cri-containerd:ID",
      "/kubepods.slice/kubepods-podX.slice/cri-containerd-ID.scope",
    ],
    ["systemd, Docker", "system.slice:docker:ID", "/system.slice/docker-ID.scope"],
    ["systemd, no slice", ":docker:ID", "/system.slice/docker-ID.scope"],
    ["systemd, no prefix", "a.slice::ID", "/a.slice/ID.scope"],
    ["systemd, the root slice", "-.slice:cri:ID", "/cri-ID.scope"],
    ["systemd, a slice for a name", "a.slice:x:a-b.slice", "/a.slice/a-b.slice"],
    ["a slice with an empty level", "a--b.slice:x:ID", null],
    ["a slice that ends in a dash", "a-.slice:x:ID", null],
    ["not a slice", "a:x:ID", null],
    ["no name", "a.slice:x:", null],
    ["too many parts", "a.slice:x:ID:y", null],
    ["a slash in a unit's name", "a.slice:x:I/D", null],
    ["relative to a cgroup not known here", "ID", null],
    ["empty", "", null],
  ])("%s: %s", (_, path, expected) => {
    expect(expandCgroupsPath(path)).toBe(expected);
  });
});

describe("cgroupsPathOfSpec", () => {
  test.each<[string, string, string | null]>([
    ["a spec", '{"ociVersion":"1.0","linux":{"cgroupsPath":"/a/ID","resources":{}}}', "/a/ID"],
    ["no Linux part", "{}", null],
    ["no path", '{"linux":{}}', null],
    ["an empty path", '{"linux":{"cgroupsPath":""}}', null],
    ["a path that is no string", '{"linux":{"cgroupsPath":{"x":1}}}', null],
    ["a path longer than a path", `{"linux":{"cgroupsPath":"/${"a".repeat(5000)}"}}`, null],
    ["no JSON", "\x00\xff", null],
    ["null", "null", null],
    ["nothing", "", null],
    ["more than is read", JSON.stringify({ linux: { cgroupsPath: "/a" }, pad: "x".repeat(2 << 20) }), null],
  ])("%s", (_, json, expected) => {
    expect(cgroupsPathOfSpec(new TextEncoder().encode(json))).toBe(expected);
  });
});
