import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { hierarchyV1 } from "../../../src/cgroup/v1/hierarchy.ts";

let mount: string;

beforeEach(() => {
  mount = mkdtempSync(`${tmpdir()}/hierarchy-v1-`);
  mkdirSync(`${mount}/pod`);
});

afterEach(() => rmSync(mount, { recursive: true }));

test.each([
  ["a hierarchical root covers them everywhere, and nobody need watch for that", "1", "0", true, false],
  ["below another root each cgroup says it for itself", "0", "1", true, true],
  ["and may say that it does not", "0", "0", false, true],
  ["also where the root does not tell", null, "1", true, true],
])("whether a cgroup covers its children: %s", (_, root, pod, covers, isWatched) => {
  if (root !== null) writeFileSync(`${mount}/memory.use_hierarchy`, `${root}\n`);
  writeFileSync(`${mount}/pod/memory.use_hierarchy`, `${pod}\n`);
  const hierarchy = hierarchyV1(mount, { unit: "bytes", keeper: null, mayHold: false });
  expect(hierarchy.coversChildren("/pod")).toBe(covers);
  expect(hierarchy.control.includes("memory.use_hierarchy")).toBe(isWatched);
});
