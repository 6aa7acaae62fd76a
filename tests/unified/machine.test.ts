import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { hierarchy } from "../support/hierarchy.ts";

test("the machine runs a real systemd on cgroup v2 alone, on a kernel this was written for", () => {
  expect(readFileSync("/proc/1/comm", "utf8")).toBe("systemd\n");
  const mounts = readFileSync("/proc/mounts", "utf8");
  expect(mounts).toContain(" /sys/fs/cgroup cgroup2 ");
  expect(mounts).not.toMatch(/ cgroup /);
  expect(hierarchy).toMatchObject({ version: 2, mount: "/sys/fs/cgroup" });
  expect(release()).toMatch(/^(6\.1|7\.\d+)\./);
});

test("the memory controller is enabled at the root", () => {
  expect(readFileSync("/sys/fs/cgroup/cgroup.subtree_control", "utf8").split(/\s/)).toContain("memory");
});

test("the kernel tells of pressure", () => {
  expect(readFileSync("/proc/pressure/memory", "utf8")).toStartWith("some ");
});
