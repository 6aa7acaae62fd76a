import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { locate } from "../../../src/kernel-oom/locate.ts";
import { scratch } from "../record/tiny-disk.ts";

let folder: ReturnType<typeof scratch>;
beforeEach(() => {
  folder = scratch();
});
afterEach(() => folder[Symbol.dispose]());

/** A process of the name `worker`, and a cgroup that lists it. */
function places(hierarchy: 1 | 2, cgroupFile: string) {
  const [procRoot, mount] = [`${folder.path}/proc`, `${folder.path}/mount`];
  mkdirSync(`${procRoot}/7/task`, { recursive: true });
  writeFileSync(`${procRoot}/7/comm`, "worker\n");
  writeFileSync(`${procRoot}/7/cgroup`, cgroupFile);
  for (const [name, pids] of [
    ["/a", "17\n77\n"],
    ["/b", "5\n7\n"],
  ]) {
    mkdirSync(`${mount}${name}`, { recursive: true });
    writeFileSync(`${mount}${name}/cgroup.procs`, pids!);
  }
  return { procRoot, mount, hierarchy, cgroups: ["/gone", "/a", "/b"] };
}

test.each([
  ["by /proc", 2, "0::/from/proc\n", "/from/proc"],
  ["by /proc, on v1", 1, "4:memory:/from/proc\n0::/\n", "/from/proc"],
  ["by the cgroup's list, when /proc has forgotten it", 1, "4:memory:/\n0::/\n", "/b"],
] as const)("it is found %s", (_, hierarchy, cgroupFile, expected) => {
  expect(locate(7, "worker", places(hierarchy, cgroupFile))).toBe(expected);
});

test("another process of its pid is not it, nor is one that is gone", () => {
  const here = places(2, "0::/from/proc\n");
  expect(locate(7, "other", here)).toBeNull();
  expect(locate(8, "worker", here)).toBeNull();
});

test("one that nobody lists any more is not found", () => {
  expect(locate(7, "worker", { ...places(1, "4:memory:/\n"), cgroups: ["/a"] })).toBeNull();
});
