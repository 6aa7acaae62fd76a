import { expect, test } from "bun:test";
import { findMemoryMount } from "../../../src/discover/mount.ts";

const memory = "cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0";
const cpu = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0";
const unified = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0";
const hybrid = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0";

test.each([
  ["v1 where the memory controller is mounted", [cpu, memory], { version: 1, path: "/sys/fs/cgroup/memory" }],
  [
    "v1 on a hybrid node, whichever comes first",
    [hybrid, cpu, memory],
    { version: 1, path: "/sys/fs/cgroup/memory" },
  ],
  ["v2 where only the unified hierarchy is", [unified], { version: 2, path: "/sys/fs/cgroup" }],
  ["the first of two unified mounts", [unified, hybrid], { version: 2, path: "/sys/fs/cgroup" }],
  ["controllers mounted together", ["cgroup /cg cgroup rw,cpu,memory 0 0"], { version: 1, path: "/cg" }],
  [
    "a mount point with blanks",
    ["cgroup /my\\040cgroups/a\\134b cgroup rw,memory 0 0"],
    { version: 1, path: "/my cgroups/a\\b" },
  ],
  ["nothing in a controller whose name contains the word", ["cgroup /cg cgroup rw,memoryx 0 0"], null],
  ["nothing in a named hierarchy", ["systemd /cg cgroup rw,name=memory 0 0"], null],
  ["nothing in another file system with that option", ["tmpfs /cg tmpfs rw,memory 0 0"], null],
  ["nothing in garbage", ["", "cgroup", "a b c"], null],
] as const)("finds %s", (_, lines, found) => {
  expect(findMemoryMount(`${lines.join("\n")}\n`)).toEqual(found);
});
