import { describe, expect, test } from "bun:test";
import { locateCgroup } from "../../../../src/discover/containerd/locate.ts";

const OTHER = `/kubepods/burstable/pod0a1b2c3d-1111-2222-3333-444455556666/${"3f4a".repeat(16)}`;

describe("locateCgroup", () => {
  test.each<[string, { id?: string; process: string | null; spec: string | null }, string | null]>([
    ["the process is where the spec says", { process: "/a/c1", spec: "/a/c1" }, "/a/c1"],
    ["the process has moved into a child", { process: "/a/c1/init.scope", spec: "/a/c1" }, "/a/c1"],
    [
      "the same in a scope",
      { process: "/s.slice/cri-containerd-c1.scope/x", spec: null },
      "/s.slice/cri-containerd-c1.scope",
    ],
    ["a path without the id, moved into a child", { process: "/mine/init", spec: "/mine" }, "/mine"],
    ["runc itself lives below the root", { process: "/node/mine/init", spec: "/mine" }, "/node/mine"],
    ["a relative path", { process: "/system.slice/x/rel/y", spec: "rel" }, "/system.slice/x/rel"],
    ["a name that merely begins like the spec's", { process: "/mine2/x", spec: "/mine" }, "/mine2/x"],
    ["the process is elsewhere: it knows", { process: "/kata/vm", spec: "/a/x" }, "/kata/vm"],
    ["a pid used again by another container: the spec", { process: OTHER, spec: "/a/c1" }, "/a/c1"],
    ["the same, and nothing of a spec", { process: OTHER, spec: null }, null],
    ["the same, and a relative path", { process: OTHER, spec: "c1" }, null],
    [
      "within another container, as the spec says",
      { process: `${OTHER}/mine`, spec: "/mine" },
      `${OTHER}/mine`,
    ],
    [
      "an id that is also a parent's name",
      { id: "burstable", process: "/kubepods/burstable/p/burstable", spec: null },
      "/kubepods/burstable/p/burstable",
    ],
    ["no process: the spec", { process: null, spec: "/a/c1" }, "/a/c1"],
    [
      "no process: the spec of a systemd cgroup",
      { process: null, spec: "a-b.slice:cri:c1" },
      "/a.slice/a-b.slice/cri-c1.scope",
    ],
    ["no process and a relative path", { process: null, spec: "c1" }, null],
    ["nothing known", { process: null, spec: null }, null],
  ])("%s", (_, { id = "c1", process, spec }, expected) => {
    expect(locateCgroup(id, process, () => spec)).toBe(expected);
  });

  test("does not parse the spec where the path already tells", () => {
    const refuse = () => {
      throw new Error("parsed");
    };
    expect(locateCgroup("c1", "/kubepods/p/c1", refuse)).toBe("/kubepods/p/c1");
  });
});
