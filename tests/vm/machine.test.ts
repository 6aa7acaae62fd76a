import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

test("the machine runs a real systemd on cgroup v1", () => {
  expect(readFileSync("/proc/1/comm", "utf8")).toBe("systemd\n");
  expect(readFileSync("/proc/mounts", "utf8")).toContain(" /sys/fs/cgroup/memory cgroup ");
});
