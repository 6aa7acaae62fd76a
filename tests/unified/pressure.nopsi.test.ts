import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { hierarchy } from "../support/hierarchy.ts";

test("a machine on cgroup v2 without pressure stall information", () => {
  expect(hierarchy.version).toBe(2);
  expect(existsSync("/proc/pressure")).toBe(false);
});
