import { expect, test } from "bun:test";
import { oomGroup } from "../../../src/decide/oom-group.ts";

test.each([
  ["nobody's", [], null],
  ["the victim's own", ["/p/c/inner"], "/p/c/inner"],
  ["the container's, though its child has it too", ["/p/c/inner", "/p/c"], "/p/c"],
  ["the container's, though its child has not", ["/p/c"], "/p/c"],
  ["that of the cgroup out of memory", ["/p", "/p/c"], "/p"],
  ["one above that, which does not count", ["/"], null],
  ["another container's", ["/p/d", "/p/c/other"], null],
] as const)("memory.oom.group: %s", (_, groups: readonly string[], expected) => {
  expect(oomGroup("/p/c/inner", "/p", (cgroup) => groups.includes(cgroup))).toBe(expected);
});

test("a victim right in the cgroup out of memory", () => {
  expect(oomGroup("/p", "/p", () => true)).toBe("/p");
});

test("a victim that has left it meanwhile", () => {
  expect(oomGroup("/q", "/p", () => true)).toBeNull();
  expect(oomGroup("", "/p", () => true)).toBeNull();
  expect(oomGroup("/pq/c", "/p", () => true)).toBeNull();
});
