import { describe, expect, test } from "bun:test";
import { cgroupsIn, parseSummary } from "../../../src/kernel-log/summary-line.ts";

const MEMCG = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c,mems_allowed=0";
const NODE = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0-1,3,global_oom";

const read = (line: string, comm: string) => {
  const summary = parseSummary(line);
  return summary && { shortage: summary.shortage, pid: summary.pid, cgroups: cgroupsIn(summary, comm) };
};

describe("a summary tells shortage, process and cgroups", () => {
  test.each([
    [
      "of a limit",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=hog,pid=12,uid=0`,
      "hog",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/y" } },
    ],
    [
      "of the node",
      `${NODE},task_memcg=/x/y,task=hog,pid=12,uid=1000`,
      "hog",
      { shortage: "node", pid: 12, cgroups: { limit: null, victim: "/x/y" } },
    ],
    [
      "of some of its NUMA nodes",
      "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=0,2-3,cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=a,pid=1,uid=0",
      "a",
      { shortage: "node", pid: 1, cgroups: { limit: null, victim: "/" } },
    ],
    [
      "with a name like its own end",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=,pid=1,uid=0,pid=12,uid=0`,
      ",pid=1,uid=0",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/y" } },
    ],
    [
      "with a name that holds another",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=a,task=b,pid=12,uid=0`,
      "a,task=b",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/y" } },
    ],
    [
      "with a cgroup that looks like the rest",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=x,pid=1,task=hog,pid=12,uid=0`,
      "hog",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/y,task=x,pid=1" } },
    ],
    [
      "with a cgroup that looks like two",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/a,task_memcg=/b,oom_memcg=/c,task=hog,pid=12,uid=0`,
      "hog",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/a,task_memcg=/b,oom_memcg=/c" } },
    ],
    [
      "with a cpuset that looks like the node's",
      "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,global_oom,task_memcg=,mems_allowed=0,oom_memcg=/x,task_memcg=/x,task=a,pid=1,uid=0",
      "a",
      { shortage: "cgroup", pid: 1, cgroups: { limit: "/x", victim: "/x" } },
    ],
    [
      "by a thread of another name",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=leader,pid=12,uid=0`,
      "worker",
      { shortage: "cgroup", pid: 12, cgroups: { limit: "/x", victim: "/x/y" } },
    ],
  ] as const)("%s", (_, line, comm, expected) => {
    expect(read(line, comm)).toEqual(expected);
  });
});

describe("no cgroups", () => {
  test.each([
    [
      "where a name allows two ways to read it",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/a,task_memcg=/x,task_memcg=/x/a/b,task=hog,pid=12,uid=0`,
      "hog",
    ],
    [
      "where another name may begin in two places",
      `${MEMCG},oom_memcg=/x,task_memcg=/x,task=a,task=b,pid=12,uid=0`,
      "c",
    ],
    [
      "where the victim is not below the limit",
      `${MEMCG},oom_memcg=/x,task_memcg=/xy,task=a,pid=12,uid=0`,
      "a",
    ],
    [
      "where a path may be cut",
      `${MEMCG},oom_memcg=/x,task_memcg=/x/${"y".repeat(900)},task=a,pid=12,uid=0`,
      "a",
    ],
    ["of a limit where none is named", `${MEMCG},global_oom,task_memcg=/x,task=a,pid=12,uid=0`, "a"],
  ])("%s", (_, line, comm) => {
    expect(read(line, comm)?.cgroups).toBeNull();
  });
});

test.each([
  ["cut off", `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=hog,pid=12`],
  ["in front of something", `${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=hog,pid=12,uid=0 x`],
  ["behind something", `x ${MEMCG},oom_memcg=/x,task_memcg=/x/y,task=hog,pid=12,uid=0`],
])("no summary: %s", (_, line) => {
  expect(parseSummary(line)).toBeNull();
});
