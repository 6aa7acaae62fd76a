import { expect, test } from "bun:test";
import { kernelGeneration } from "../../../src/decide/kernel-generation.ts";

test.each([
  ["3.10.0-514.el7.x86_64", true, "of-limit", true, "first"],
  ["3.10.0-1160.el7.x86_64", true, "of-limit", true, "first"],
  ["3.13.0-170-generic", true, "of-limit", true, "first"],
  ["3.14.0", true, "of-points", true, "first"],
  ["4.16.18", true, "of-points", true, "first"],
  ["4.17.0", true, "none", true, "first"],
  ["4.19.0-27-amd64", true, "none", true, "first"],
  ["5.0.21", true, "none", true, "first"],
  ["5.1.0", true, "none", false, "first"],
  ["5.2.21", true, "none", false, "first"],
  ["5.3.0", true, "none", false, "last"],
  ["5.4.0-200-generic", true, "none", false, "last"],
  ["5.8.18", true, "none", false, "last"],
  ["5.9.0", false, "none", false, "last"],
  ["5.10.0-33-amd64", false, "none", false, "last"],
  ["6.18.44-fc-v657", false, "none", false, "last"],
  ["10.0", false, "none", false, "last"],
  ["not a version", false, "none", false, "last"],
  ["", false, "none", false, "last"],
] as const)("Linux %s", (release, floorsAtOne, adminBonus, sacrificesChild, ties) => {
  expect(kernelGeneration(release)).toEqual({ floorsAtOne, adminBonus, sacrificesChild, ties });
});
