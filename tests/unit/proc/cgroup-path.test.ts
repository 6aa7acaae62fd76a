import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCgroupPath, readCgroupPath } from "../../../src/proc/cgroup-path.ts";

const V1 = [
  "12:cpu,cpuacct:/cpu",
  "4:memory:/kubepods/burstable/pod1/c1",
  "1:name=systemd:/sys",
  "0::/unified",
  "",
].join("\n");

describe("parseCgroupPath", () => {
  test.each<[string, string, 1 | 2, string | null]>([
    ["v1 takes the memory line", V1, 1, "/kubepods/burstable/pod1/c1"],
    ["v2 takes the unified line of a hybrid system", V1, 2, "/unified"],
    ["v1 finds memory among other controllers", "3:cpuset,memory,pids:/a\n", 1, "/a"],
    ["v1 takes no named hierarchy for a controller", "3:name=memory:/a\n0::/b\n", 1, null],
    ["v1 takes no controller that merely contains the word", "3:memory2:/a\n", 1, null],
    ["v2 needs hierarchy number 0", "5::/a\n", 2, null],
    ["a path may hold colons", "4:memory:/a:b/c::d\n", 1, "/a:b/c::d"],
    ["a path may hold spaces and brackets", "0::/a b/(c)\n", 2, "/a b/(c)"],
    ["v2 takes the kernel's mark of a removed cgroup off", "0::/a/b (deleted)\n", 2, "/a/b"],
    ["v1 has no such mark: it is the cgroup's name", "4:memory:/a/b (deleted)\n", 1, "/a/b (deleted)"],
    ["a path that imitates another line stays a path", "4:cpu:/x:memory:/y\n", 1, null],
    ["the last line needs no newline", "0::/a", 2, "/a"],
    ["the root is the root", "0::/\n", 2, "/"],
    ["nothing in nothing", "", 1, null],
    ["nothing in garbage", "garbage\n:\n::\n", 2, null],
  ])("%s", (_, text, hierarchy, expected) => {
    expect(parseCgroupPath(text, hierarchy)).toBe(expected);
  });
});

describe("readCgroupPath", () => {
  const root = mkdtempSync(join(tmpdir(), "oom-guard-proc-"));
  afterAll(() => rmSync(root, { recursive: true }));

  const write = (pid: number, text: string) => {
    mkdirSync(join(root, String(pid)), { recursive: true });
    writeFileSync(join(root, String(pid), "cgroup"), text);
  };

  test.each<[string, number, string, string | null]>([
    ["a process in a cgroup", 10, "0::/a/b\n", "/a/b"],
    ["an exiting process (the kernel writes the root) tells nothing", 11, "0::/\n", null],
    ["a process outside our cgroup namespace tells nothing", 12, "0::/../x\n", null],
    ["a name that begins with two dots is a name", 13, "0::/..x\n", "/..x"],
  ])("%s", (_, pid, text, expected) => {
    write(pid, text);
    expect(readCgroupPath(root, pid, 2)).toBe(expected);
  });

  test.each([[99], [0], [-1], [1.5], [Number.NaN]])(
    "pid %p, which is not there, is null and no throw",
    (pid) => {
      expect(readCgroupPath(root, pid, 2)).toBeNull();
    },
  );
});
