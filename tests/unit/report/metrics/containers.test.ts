import { expect, test } from "bun:test";
import type { KnownCgroup } from "../../../../src/arm/entry.ts";
import { containerSeries } from "../../../../src/report/metrics/containers.ts";
import { cgroup } from "./cgroups.ts";

const unlimited = { limitBytes: Number.POSITIVE_INFINITY };
const nobodys = { namespace: null, pod: null, container: null };

test.each<[string, KnownCgroup[], [string, string][]]>([
  ["nothing", [], []],
  [
    "each container",
    [cgroup("/a"), cgroup("/b", { container: "proxy" }), cgroup("/c", { pod: "web-1" })],
    [
      ["default/web-0/app", "/a"],
      ["default/web-0/proxy", "/b"],
      ["default/web-1/app", "/c"],
    ],
  ],
  [
    "of an old and a new container of the same names the new one",
    [cgroup("/old"), cgroup("/new")],
    [["default/web-0/app", "/new"]],
  ],
  [
    "a container, and not what lies inside of it, whichever was found first",
    [cgroup("/a"), cgroup("/a/inside", { kind: "other" })],
    [["default/web-0/app", "/a"]],
  ],
  [
    "a container that was found after what lies inside of it",
    [cgroup("/a/inside", { kind: "other" }), cgroup("/a")],
    [["default/web-0/app", "/a"]],
  ],
  [
    "what lies inside of a container without a limit",
    [cgroup("/a", {}, unlimited), cgroup("/a/inside", { kind: "other" })],
    [["default/web-0/app", "/a/inside"]],
  ],
  ["no pods and no sandboxes", [cgroup("/p", { kind: "pod" }), cgroup("/s", { kind: "sandbox" })], []],
  ["also one that is not armed", [cgroup("/a", {}, { state: "unarmed" })], [["default/web-0/app", "/a"]]],
  ["one that nobody names", [cgroup("/x", { ...nobodys, kind: "other" })], [["//", "/x"]]],
])("which containers have series: %s", (_, cgroups, expected) => {
  const found = containerSeries(cgroups).map(({ labels: { namespace, pod, container }, of }) => [
    `${namespace}/${pod}/${container}`,
    of.cgroup,
  ]);
  expect(found).toEqual(expected);
});
