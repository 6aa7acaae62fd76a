import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenProcess } from "../../../src/proc/process.ts";
import { statusText } from "./status-text.ts";

const PID = 4242;
const K = 1024;
const roots: string[] = [];

afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** A proc root with one process in it; the keys are files below its directory. */
function procRoot(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "oom-guard-proc-"));
  roots.push(root);
  for (const [name, text] of Object.entries({ oom_score_adj: "0\n", ...files })) {
    const path = join(root, String(PID), name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }
  return root;
}

function withProcess<T>(files: Readonly<Record<string, string>>, use: (process: OpenProcess) => T): T {
  const open = OpenProcess.open(procRoot(files), PID)!;
  try {
    return use(open);
  } finally {
    open.close();
  }
}

const noMemory = { VmRSS: null, VmPTE: null, VmSwap: null };

test("a process that is not there cannot be opened", () => {
  expect(OpenProcess.open(procRoot({}), 1)).toBeNull();
});

describe("facts", () => {
  test("come from status and oom_score_adj", () => {
    const facts = withProcess({ status: statusText(), oom_score_adj: "-998\n" }, (open) => open.facts());
    expect(facts).toEqual({
      pid: PID,
      parentPid: 17,
      comm: "java",
      rssBytes: 988_188 * K,
      swapBytes: 512 * K,
      pageTableBytes: 3888 * K,
      oomScoreAdj: -998,
      admin: false,
    });
  });

  test.each([
    ["a zombie or a kernel thread", { status: statusText(noMemory) }],
    [
      "one whose threads are exiting too",
      { status: statusText(noMemory), "task/4243/status": statusText(noMemory) },
    ],
    ["one that died before its status was read", {}],
  ])("%s has none", (_, files) => {
    expect(withProcess(files, (open) => open.facts())).toBeNull();
  });

  test("of a process whose main thread has ended come from another thread", () => {
    const files = {
      status: statusText({ ...noMemory, CapEff: "0" }),
      "task/4242/status": statusText(noMemory),
      "task/4244/status": statusText({ Name: "worker-3", PPid: "17", VmRSS: " 7 kB" }),
    };
    expect(withProcess(files, (open) => open.facts())).toMatchObject({
      pid: PID,
      comm: "java",
      rssBytes: 7 * K,
    });
  });

  test("of a process in 65536 groups are read to the end", () => {
    const Groups = Array.from({ length: 65_536 }, (_, i) => 4_294_900_000 + i).join(" ");
    expect(withProcess({ status: statusText({ Groups }) }, (open) => open.facts())).toMatchObject({
      rssBytes: 988_188 * K,
      pageTableBytes: 3888 * K,
    });
  });
});

describe("the cgroup", () => {
  test.each([
    [
      "v1: the line of the memory controller",
      1,
      { cgroup: "5:cpu:/x\n4:memory:/kubepods/a\n0::/u\n" },
      "/kubepods/a",
    ],
    ["v2: the unified line", 2, { cgroup: "4:memory:/kubepods/a\n0::/u\n" }, "/u"],
    ["none where the process is gone", 1, {}, null],
    ["a process on its way out is at the root", 1, { cgroup: "4:memory:/\n" }, null],
    [
      "a main thread that ended leaves the others where they are",
      1,
      { cgroup: "4:memory:/\n", "task/4242/cgroup": "4:memory:/\n", "task/4243/cgroup": "4:memory:/a\n" },
      "/a",
    ],
    [
      "threads that are exiting do not count",
      1,
      { cgroup: "4:memory:/\n", "task/4243/cgroup": "4:memory:/\n" },
      null,
    ],
  ] as const)("%s", (_, hierarchy, files, path) => {
    expect(withProcess(files, (open) => open.cgroupPath(hierarchy))).toBe(path);
  });
});

describe("the start time is field 22, whatever the name holds", () => {
  const fields = ["S", ...Array.from({ length: 18 }, (_, i) => String(i + 1)), "987654", "1", "2"].join(" ");
  test.each([
    ["an ordinary name", "java"],
    ["parentheses and forged fields", "a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1 (b"],
    ["a newline", "a\nb) c"],
    ["an escape sequence", "\x1b[31m)"],
    ["nothing", ""],
  ])("%s", (_, name) => {
    expect(withProcess({ stat: `${PID} (${name}) ${fields}\n` }, (open) => open.startTicks())).toBe(987_654);
  });

  test("a process that died has none", () => {
    expect(withProcess({}, (open) => open.startTicks())).toBe(0);
  });
});

test.each([
  ["an ordinary name", "java\n", "java"],
  ["a newline inside", "a\nb\n", "a\nb"],
  ["nothing", "\n", ""],
])("the name alone: %s", (_, text, comm) => {
  expect(withProcess({ comm: text }, (open) => open.comm())).toBe(comm);
});
