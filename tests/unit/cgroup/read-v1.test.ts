import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, openReadAt } from "../../../ffi/file.ts";
import { readOnce } from "../../../src/cgroup/read-once.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";

const M = 2 ** 20;

// What a booted 3.10.0-1160 prints: no shmem, no dirty, no writeback, no counter of kills.
const stat310 = `cache ${30 * M}
rss ${60 * M}
rss_huge 0
mapped_file ${2 * M}
swap 0
pgpgin 300
pgpgout 200
pgfault 500
pgmajfault 3
inactive_anon ${5 * M}
active_anon ${60 * M}
inactive_file ${15 * M}
active_file ${10 * M}
unevictable 0
hierarchical_memory_limit ${100 * M}
hierarchical_memsw_limit 9223372036854771712
total_cache ${32 * M}
total_rss ${64 * M}
total_rss_huge 0
total_mapped_file ${2 * M}
total_swap ${3 * M}
total_pgpgin 300
total_pgpgout 200
total_pgfault 500
total_pgmajfault 3
total_inactive_anon ${6 * M}
total_active_anon ${62 * M}
total_inactive_file ${16 * M}
total_active_file ${12 * M}
total_unevictable 0
`;
// Fields that came since, before and between the others.
const stat618 = stat310
  .replace(/^total_cache/m, `total_shmem ${4 * M}\ntotal_dirty 4096\ntotal_writeback 0\ntotal_cache`)
  .replace(/^cache/m, "shmem 1\nworkingset_refault_file 7\ncache");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "oom-guard-read-"));
  files({ "memory.usage_in_bytes": `${97 * M}\n`, "memory.stat": stat310 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function files(texts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(directory, name), text);
}

const withDirectory = <T>(use: (directoryFd: number) => T) =>
  readOnce(memoryReaderV1, directory, (_, directoryFd) => use(directoryFd));

describe("memory.stat", () => {
  test.each([
    ["of a 3.10 kernel", stat310],
    ["of a current one", stat618],
  ])("%s gives everything a decision needs, children included", (_, stat) => {
    files({ "memory.stat": stat });
    expect(readOnce(memoryReaderV1, directory, (reading) => reading)).toMatchObject({
      usageBytes: 97 * M,
      fileBytes: 28 * M,
      inactiveFileBytes: 16 * M,
      anonBytes: 64 * M,
      residentBytes: (32 + 64) * M,
    });
  });

  test("cache that is on no file list (tmpfs) is memory nobody can reclaim", () => {
    expect(withDirectory((fd) => memoryReaderV1.fixedBytes(fd))).toBe((64 + 32 - 28 + 3) * M);
  });
});

test("what neither the statistics nor kernel memory explain is pre-charge, up to what the CPUs may hold", () => {
  files({ "memory.usage_in_bytes": `${96 * M + 8192}\n` });
  expect(readOnce(memoryReaderV1, directory, (reading) => reading.slackBytes)).toBe(8192);
  files({ "memory.kmem.usage_in_bytes": "4096\n" });
  expect(readOnce(memoryReaderV1, directory, (reading) => reading.slackBytes)).toBe(4096);
});

test("pre-charges are not worked out where enough can be reclaimed", () => {
  files({ "memory.usage_in_bytes": `${96 * M + 8192}\n` });
  const slackBytes = (cacheFloorBytes: number) =>
    readOnce(memoryReaderV1, directory, (_, directoryFd) => {
      const statFd = openReadAt(directoryFd, memoryReaderV1.statFile);
      const reading = memoryReaderV1.reading({ directoryFd, statFd }, 96 * M + 8192, cacheFloorBytes);
      close(statFd);
      return typeof reading === "number" ? reading : reading.slackBytes;
    });
  expect(slackBytes(28 * M)).toBe(0);
  expect(slackBytes(28 * M + 1)).toBe(8192);
});

describe("the kernel's kills", () => {
  test.each([
    ["are counted from 4.13 on", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", 3],
    ["are not before", "oom_kill_disable 0\nunder_oom 0\n", Number.NaN],
  ])("%s", (_, text, kills) => {
    files({ "memory.oom_control": text });
    expect(withDirectory((fd) => memoryReaderV1.oomKills(fd))).toBe(kills);
  });

  test("of a cgroup that is gone are no number of kills", () => {
    expect(withDirectory((fd) => memoryReaderV1.oomKills(fd))).toBeLessThan(0);
  });
});

test("a cgroup that is gone has no reading", () => {
  expect(readOnce(memoryReaderV1, `${directory}/gone`, () => true)).toBeNull();
});
