import { describe, expect, test } from "bun:test";
import { parseLine } from "../../../src/kernel-log/line.ts";

const TAIL = "total-vm:316444kB, anon-rss:102336kB, file-rss:4kB";

describe("a killed process", () => {
  test.each([
    ["3.10", `Killed process 384 (hogs) ${TAIL}`, null, 102_340, null],
    ["CentOS 7.9", `Killed process 384 (hogs), UID 33, ${TAIL}, shmem-rss:8kB`, null, 102_348, null],
    ["4.5 to 5.0", `Killed process 384 (hogs) ${TAIL}, shmem-rss:0kB`, null, 102_340, null],
    [
      "5.1, cgroup",
      `Memory cgroup out of memory: Killed process 384 (hogs) ${TAIL}, shmem-rss:0kB`,
      "cgroup",
      102_340,
      null,
    ],
    ["5.1, node", `Out of memory: Killed process 384 (hogs) ${TAIL}, shmem-rss:0kB`, "node", 102_340, null],
    [
      "from 5.4 on",
      `Memory cgroup out of memory: Killed process 384 (hogs) ${TAIL}, shmem-rss:1kB, UID:0 pgtables:140kB oom_score_adj:-997`,
      "cgroup",
      102_341,
      -997,
    ],
    [
      "vm.oom_kill_allocating_task",
      `Out of memory (oom_kill_allocating_task): Killed process 384 (hogs) ${TAIL}, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0`,
      "node",
      102_340,
      0,
    ],
    [
      "with words to come",
      `Out of memory: Killed process 384 (hogs) ${TAIL}, shmem-rss:0kB, hugetlb-rss:4kB, UID:0 score:7 oom_score_adj:5`,
      "node",
      102_340,
      5,
    ],
  ] as const)("%s", (_, line, shortage, rssKb, oomScoreAdj) => {
    const rssBytes = rssKb * 1024;
    expect(parseLine(line)).toEqual({
      kind: "killed",
      shortage,
      pid: 384,
      comm: "hogs",
      rssBytes,
      oomScoreAdj,
    });
  });

  test.each([
    [") Killed process 1 ("],
    ["a) total-vm:1kB"],
    ["x (y) (z"],
    ["a\nb"],
    [""],
    [")"],
    ["kworker/0:1"],
    ["java -Xmx1g, UID"],
    ["\ufffd\u202ename"],
  ])("with the name %j is that one and no other", (comm) => {
    expect(parseLine(`Memory cgroup out of memory: Killed process 42 (${comm}) ${TAIL}`)).toMatchObject({
      pid: 42,
      comm,
    });
    expect(parseLine(`Killed process 42 (${comm}), UID 0, ${TAIL}`)).toMatchObject({ pid: 42, comm });
  });

  test.each([
    [
      "in a line that ends too early",
      "Out of memory: Killed process 1 (init) total-vm:316444kB, anon-rss:1023",
    ],
    ["in a line of something else", `oom_reaper: Killed process 1 (init) ${TAIL}`],
    ["behind other words", `audit: Out of memory: Killed process 1 (init) ${TAIL}`],
    ["behind others that begin alike", `Kernel: Killed process 1 (init) ${TAIL}`],
    ["with more behind it", `Killed process 1 (init) ${TAIL} and more`],
    ["that is reaped", "oom_reaper: reaped process 1 (init), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"],
    ["that is only named", "Killed process 1 (init)"],
  ])("is not what stands %s", (_, line) => {
    expect(parseLine(line)).toBeNull();
  });
});

describe("the lines around it", () => {
  test.each([
    ["hogs invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0", { kind: "invoked" }],
    ["Killed invoked oom-killer: gfp_mask=0x0(), order=0, oom_score_adj=-5", { kind: "invoked" }],
    [
      "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), nodemask=(null), order=-1, oom_score_adj=1000",
      { kind: "invoked" },
    ],
    [
      "memory: usage 102400kB, limit 102404kB, failcnt 701",
      { kind: "memory", usageBytes: 104_857_600, limitBytes: 104_861_696 },
    ],
    [
      "memory: usage 4kB, limit 9007199254740988kB, failcnt 0",
      { kind: "memory", usageBytes: 4096, limitBytes: null },
    ],
    [
      "memory: usage 4kB, limit 18014398509481983kB, failcnt 0",
      { kind: "memory", usageBytes: 4096, limitBytes: null },
    ],
    ["memory+swap: usage 4kB, limit 8kB, failcnt 0", null],
    [
      "Memory cgroup out of memory: Kill process 552 (hogs) score 971 or sacrifice child",
      { kind: "chosen", shortage: "cgroup", pid: 552 },
    ],
    [
      "Out of memory: Kill process 82 () score 1 or sacrifice child) score 943 or sacrifice child",
      { kind: "chosen", shortage: "node", pid: 82 },
    ],
    [
      "Out of memory (oom_kill_allocating_task): Kill process 82 (x) score 0 or sacrifice child",
      { kind: "chosen", shortage: "node", pid: 82 },
    ],
    [
      "Tasks in /a b are going are going to be killed due to memory.oom.group set",
      { kind: "whole", cgroup: "/a b are going" },
    ],
    ["Out of memory and no killable processes...", { kind: "nobody" }],
    [
      "Memory cgroup out of memory: OOM victim 7 (a) b) is already exiting. Skip killing the task",
      { kind: "nobody" },
    ],
    ["Tasks state (memory values in pages):", null],
    ["Mem-Info:", null],
    ["Kernel command line: x", null],
    ["Modules linked in:", null],
    ["", null],
  ])("%j", (line, expected) => {
    expect(parseLine(line)).toEqual(expected as ReturnType<typeof parseLine>);
  });

  test.each([
    ["of the limit itself", "/a", "/a"],
    ["below it", "/p/docker/0123abcd", "/p"],
    ["below the root", "/p", "/"],
    ["with a name that ends like the line goes on", "/p/x killed as a result of limit of /y", "/p"],
  ])("the cgroups of a limit, up to 4.20: %s", (_, victim, limit) => {
    const line = `Task in ${victim} killed as a result of limit of ${limit}`;
    expect(parseLine(line)).toEqual({ kind: "cgroups", victim, limit });
  });

  test.each([
    ["cut off in the victim's", "Task in /p/docker/0123 killed as a res"],
    ["that are not below each other", "Task in /p killed as a result of limit of /q"],
    [
      "that can be read in two ways",
      "Task in /p killed as a result of limit of /p killed as a result of limit of /p",
    ],
    ["cut off, it may be", `Task in /p/${"x".repeat(900)} killed as a result of limit of /p`],
  ])("none where they are %s", (_, line) => {
    const parsed = parseLine(line);
    expect(
      parsed === null || (parsed.kind === "cgroups" && parsed.limit === null && parsed.victim === null),
    ).toBe(true);
  });

  test("a whole cgroup is none where its path may be cut", () => {
    const line = (path: string) => `Tasks in ${path} are going to be killed due to memory.oom.group set`;
    expect(parseLine(line(`/${"x".repeat(800)}`))).toMatchObject({ kind: "whole" });
    expect(parseLine(line(`/${"ä".repeat(450)}`))).toBeNull();
  });
});
