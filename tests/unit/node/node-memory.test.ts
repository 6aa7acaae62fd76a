import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readNodeMemory } from "../../../src/node/node-memory.ts";
import { memoryAvailableBytes, workingSetBytes } from "../../../src/node/working-set.ts";

const K = 1024;
const M = 2 ** 20;
const MEMINFO = [
  "MemTotal:        8000000 kB",
  "MemFree:         1000000 kB",
  "MemAvailable:    3000000 kB",
  "CommitLimit:     4000000 kB",
  "Committed_AS:    9000000 kB",
  "",
].join("\n");
/** Names that begin like those wanted stand before them, as in the kernel's. */
const STAT_V1 = `cache 1\ninactive_file 7\ntotal_cache 1\ntotal_inactive_file ${300 * M}\ntotal_active_file 5\n`;
const STAT_V2 = `anon ${1000 * M}\nfile ${500 * M}\nfile_mapped 3\nkernel ${200 * M}\ninactive_anon 1\ninactive_file ${300 * M}\n`;

describe("the working set", () => {
  test.each([
    ["usage without inactive cache", 1000, 300, 700],
    ["never negative: the two are read one after the other", 300, 301, 0],
    ["all of usage where the kernel does not tell the cache apart", 1000, null, 1000],
  ])("is %s", (_promise, usage, inactive, expected) =>
    expect(workingSetBytes(usage, inactive)).toBe(expected),
  );
});

test("available is capacity without the working set, and never negative", () => {
  expect(memoryAvailableBytes(1000, 300)).toBe(700);
  expect(memoryAvailableBytes(1000, 1001)).toBe(0);
});

describe("the node's memory", () => {
  let scratch: string;
  let made = 0;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "oom-guard-node-"));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  function read(version: 1 | 2, files: Readonly<Record<string, string>>, meminfo: string | null = MEMINFO) {
    const root = join(scratch, String(made++));
    mkdirSync(root);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
    if (meminfo !== null) writeFileSync(join(root, "meminfo"), meminfo);
    const { workingSetBytes, availableBytes } = readNodeMemory({ version, mount: root, procRoot: root });
    return [workingSetBytes, availableBytes];
  }

  const total = 8_000_000 * K;
  test.each<[string, 1 | 2, Record<string, string>, number | null]>([
    [
      "v1: the root's usage without the inactive cache of the whole tree",
      1,
      { "memory.usage_in_bytes": `${2000 * M}\n`, "memory.stat": STAT_V1 },
      1700 * M,
    ],
    [
      "v2: anon and file stand for usage, as the root has none, and kernel memory does not count",
      2,
      { "memory.stat": STAT_V2 },
      1200 * M,
    ],
    [
      "v2 in a container: the usage that is there",
      2,
      { "memory.current": `${1600 * M}\n`, "memory.stat": STAT_V2 },
      1300 * M,
    ],
    [
      "v1 without a line for the cache",
      1,
      { "memory.usage_in_bytes": "5000\n", "memory.stat": "cache 1\n" },
      5000,
    ],
    ["v1 without its usage", 1, { "memory.stat": STAT_V1 }, null],
    ["v1 without its statistics", 1, { "memory.usage_in_bytes": "5000\n" }, null],
    [
      "v1 with a usage that is no number",
      1,
      { "memory.usage_in_bytes": "lots\n", "memory.stat": STAT_V1 },
      null,
    ],
    ["v2 without its statistics", 2, {}, null],
    ["v2 with half of them", 2, { "memory.stat": "file 5\n" }, null],
  ])("%s", (_promise, version, files, workingSet) => {
    expect(read(version, files)).toEqual([workingSet, workingSet === null ? null : total - workingSet]);
  });

  test.each([
    ["no /proc/meminfo", null],
    ["one that does not say how much there is", "MemFree: 5 kB\n"],
    ["an empty one", ""],
  ])("%s: what is available is not known, what is used is", (_promise, meminfo) => {
    expect(read(2, { "memory.stat": STAT_V2 }, meminfo)).toEqual([1200 * M, null]);
  });
});
