import { describe, expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { Roots } from "../../../src/discover/roots.ts";

describe("the default roots", () => {
  const roots = new Roots(defaults.cgroupRoots);
  test.each([
    ["/", "above"],
    ["/kubepods", "inside"],
    ["/kubepods/burstable/podx/c", "inside"],
    ["/kubepods.slice/kubepods-burstable.slice", "inside"],
    ["/kubepodsx", "outside"],
    ["/docker/0123", "inside"],
    ["/system.slice", "above"],
    ["/system.slice/ssh.service", "outside"],
    ["/system.slice/docker-0123.scope", "inside"],
    ["/system.slice/docker-0123.scope/init", "inside"],
    ["/system.slice/docker.service", "outside"],
    ["/user.slice", "outside"],
  ] as const)("%s is %s", (cgroup, place) => {
    expect(roots.place(cgroup)).toBe(place);
  });
});

test.each([
  ["a star stands for one level", ["/a/*/c"], "/a/b/c", "inside"],
  ["and for no more than one", ["/a/*/c"], "/a/b/x/c", "outside"],
  ["what leads to a star is above", ["/a/*/c"], "/a/b", "above"],
  ["slashes at the end and doubled ones do not matter", ["//a//b/"], "/a/b", "inside"],
  ["the whole tree can be a root", ["/"], "/anything", "inside"],
  ["the mount itself is inside then", ["/"], "/", "inside"],
  ["inside one root wins over above another", ["/a/b", "/a"], "/a", "inside"],
  ["a name may hold a dot", ["/a.slice"], "/axslice", "outside"],
  ["no root, nothing to do", [], "/", "outside"],
] as const)("%s", (_, patterns, cgroup, place) => {
  expect(new Roots(patterns).place(cgroup)).toBe(place);
});
