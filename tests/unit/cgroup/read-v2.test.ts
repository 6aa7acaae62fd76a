import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readOnce } from "../../../src/cgroup/read-once.ts";
import { memoryReaderV2 } from "../../../src/cgroup/v2/read.ts";

const M = 2 ** 20;

// What Debian's 6.1 prints, zeros left out at the end.
const stat61 = `anon ${60 * M}
file ${32 * M}
kernel ${3 * M}
kernel_stack 49152
pagetables 262144
sec_pagetables 0
percpu 288
sock ${M}
vmalloc 0
shmem ${4 * M}
file_mapped ${2 * M}
file_dirty 0
file_writeback 0
swapcached 0
anon_thp 0
file_thp 0
shmem_thp 0
inactive_anon ${61 * M}
active_anon ${3 * M}
inactive_file ${16 * M}
active_file ${12 * M}
unevictable 0
slab_reclaimable 100000
slab_unreclaimable 200000
slab 300000
`;
// Before 5.18 the parts of kernel memory only.
const stat510 = stat61.replace(/^kernel .*\n/m, "");

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "oom-guard-read-"));
  files({ "memory.current": `${97 * M}\n`, "memory.stat": stat61 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function files(texts: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(directory, name), text);
}

const reading = () => readOnce(memoryReaderV2, directory, (found) => found);
const withDirectory = <T>(use: (directoryFd: number) => T) =>
  readOnce(memoryReaderV2, directory, (_, directoryFd) => use(directoryFd));

describe("memory.stat", () => {
  test.each([
    ["of 5.10", stat510],
    ["of 6.1", stat61],
  ])("%s gives everything a decision needs", (_, stat) => {
    files({ "memory.stat": stat });
    expect(reading()).toMatchObject({
      usageBytes: 97 * M,
      fileBytes: 28 * M,
      inactiveFileBytes: 16 * M,
      anonBytes: 60 * M,
    });
  });

  test("file cache that is on no file list (tmpfs) is memory nobody can reclaim, and so is what was swapped out", () => {
    expect(withDirectory((fd) => memoryReaderV2.fixedBytes(fd))).toBe((60 + 32 - 28) * M);
    files({ "memory.swap.current": `${3 * M}\n` });
    expect(withDirectory((fd) => memoryReaderV2.fixedBytes(fd))).toBe((60 + 32 - 28 + 3) * M);
  });

  test("what neither pages nor kernel memory nor sockets explain is pre-charge", () => {
    files({ "memory.current": `${96 * M + 8192}\n` });
    expect(reading()?.slackBytes).toBe(8192);
  });
});

describe("the kernel's kills", () => {
  const events = (oom: number, kills: number) =>
    `low 0\nhigh 7\nmax 3\noom ${oom}\noom_kill ${kills}\noom_group_kill 0\n`;

  test("are those of the cgroup itself, without its children's", () => {
    files({ "memory.events": events(9, 9), "memory.events.local": events(2, 3) });
    expect(withDirectory((fd) => memoryReaderV2.oomKills(fd))).toBe(3);
  });

  test("before 5.2 there is one file, which is just that", () => {
    files({ "memory.events": events(2, 3) });
    expect(withDirectory((fd) => memoryReaderV2.oomKills(fd))).toBe(3);
  });

  test.each([
    ["an OOM of its own that killed nobody", 1, 0],
    ["a kill where the whole node is out of memory", 0, 1],
  ])("%s is told by the one notification there is", (_, oom, kills) => {
    files({ "memory.events.local": events(0, 0) });
    const before = withDirectory((fd) => memoryReaderV2.oomEvents(fd));
    files({ "memory.events.local": events(oom, kills) });
    expect(withDirectory((fd) => memoryReaderV2.oomEvents(fd))).toBeGreaterThan(before!);
  });

  test("of a cgroup that is gone are no number of kills", () => {
    expect(withDirectory((fd) => memoryReaderV2.oomKills(fd))).toBeLessThan(0);
  });

  test.each([
    ["1\n", true],
    ["0\n", false],
  ])("memory.oom.group %j: dies as one: %p", (text, expected) => {
    files({ "memory.oom.group": text });
    expect(withDirectory((fd) => memoryReaderV2.diesAsOne(fd))).toBe(expected);
  });
});

describe("the kill at one stroke", () => {
  test("is a 1 in cgroup.kill", () => {
    files({ "cgroup.kill": "" });
    expect(withDirectory((fd) => memoryReaderV2.killAll?.(fd))).toBe(0);
    expect(readFileSync(join(directory, "cgroup.kill"), "utf8")).toBe("1");
  });

  test("is refused where there is none (before 5.14)", () => {
    expect(withDirectory((fd) => memoryReaderV2.killAll?.(fd))).toBeLessThan(0);
  });
});

test("a cgroup that is gone has no reading", () => {
  expect(readOnce(memoryReaderV2, `${directory}/gone`, () => true)).toBeNull();
});
