import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, openDirectory } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import type { MemoryReader } from "../../../src/cgroup/hierarchy.ts";
import { OomLedger } from "../../../src/sentinel/oom-ledger.ts";
import { OomWatch } from "../../../src/sentinel/oom-watch.ts";
import type { Watch } from "../../../src/sentinel/watch.ts";

// The walk goes over a real tree of directories: pod, with the containers a and b. The counters are made up, and
// found by the order in which the ledger visits: parents first.
let root: string;
let fd: number;
let counters: Map<string, number>;
let groups: Set<string>;
let visited: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "oom-guard-ledger-"));
  mkdirSync(join(root, "a"));
  fd = openDirectory(cString(root));
  groups = new Set();
  counters = new Map([
    ["/pod", 0],
    ["/pod/a", 0],
  ]);
});

afterEach(() => {
  close(fd);
  rmSync(root, { recursive: true, force: true });
});

const reader = {
  oomKills(directoryFd: number) {
    visited = directoryFd;
    return counters.get(nameOf(directoryFd))!;
  },
  diesAsOne: (directoryFd: number) => groups.has(nameOf(directoryFd)),
} as MemoryReader;
const nameOf = (directoryFd: number) => (directoryFd === fd ? "/pod" : "/pod/a");

describe("the ledger", () => {
  let ledger: OomLedger;
  beforeEach(() => {
    ledger = new OomLedger(reader);
  });

  test("tells a kill once, in the cgroup that counted it", () => {
    ledger.learn(fd, "/pod");
    counters.set("/pod/a", 2);
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([{ cgroup: "/pod/a", count: 2, asOne: false }]);
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([]);
    expect(visited).not.toBe(fd);
  });

  test("tells once of a cgroup that the kernel takes whole (memory.oom.group), however long that takes", () => {
    groups.add("/pod/a");
    ledger.learn(fd, "/pod");
    counters.set("/pod/a", 2);
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([{ cgroup: "/pod/a", count: 2, asOne: true }]);
    for (const [nowMs, count] of [
      [1500, 3],
      [2400, 200],
    ] as const) {
      counters.set("/pod/a", count);
      expect(ledger.claim(fd, "/pod", nowMs)).toEqual([]);
    }
    counters.set("/pod/a", 205);
    expect(ledger.claim(fd, "/pod", 9000)).toEqual([{ cgroup: "/pod/a", count: 5, asOne: true }]);
  });

  test("does not claim what was counted before it looked", () => {
    counters.set("/pod", 13);
    ledger.learn(fd, "/pod");
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([]);
  });

  test("keeps its counts when a cgroup is armed anew, and tells what came in between", () => {
    counters.set("/pod", 13);
    ledger.learn(fd, "/pod");
    counters.set("/pod", 14);
    ledger.learn(fd, "/pod");
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([{ cgroup: "/pod", count: 1, asOne: false }]);
  });

  test("starts over with a new cgroup of the same name", () => {
    counters.set("/pod/a", 5);
    ledger.learn(fd, "/pod");
    ledger.forget("/pod/a");
    counters.set("/pod/a", 1);
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([{ cgroup: "/pod/a", count: 1, asOne: false }]);
  });

  test("forgets with a pod the containers that only it ever met", () => {
    ledger.learn(fd, "/pod");
    ledger.learn(fd, "/pod-2");
    ledger.forget("/pod");
    expect(ledger.size).toBe(2);
  });

  test("says so where the kernel does not count (before 4.13)", () => {
    counters.set("/pod", Number.NaN);
    expect(ledger.claim(fd, "/pod", 1000)).toBeNull();
  });

  test.each([
    ["the cgroup itself, whose removal notifies like an OOM", "/pod"],
    ["one below it", "/pod/a"],
  ])("takes a removed cgroup for no kill: %s", (_, cgroup) => {
    counters.set(cgroup, -19);
    expect(ledger.claim(fd, "/pod", 1000)).toEqual([]);
  });
});

describe("after an out-of-memory notification", () => {
  let oom: OomWatch;
  let kills: [string, number | null][];
  const watch = () => ({ spec: { slot: 1, cgroup: "/pod", armed: { directoryFd: fd } } }) as Watch;
  const check = (nowMs: number) =>
    oom.check(nowMs, (_, killed) => {
      kills.push(killed === null ? ["/pod", null] : [killed.cgroup, killed.count]);
    });

  beforeEach(() => {
    oom = new OomWatch(reader);
    kills = [];
    oom.learn(watch());
  });

  test("the kill is looked for, from now on for a second", () => {
    oom.notified(watch(), false, 1000);
    expect(oom.nextMs()).toBe(1000);
    check(1000);
    expect(kills).toEqual([]);
    counters.set("/pod/a", 1);
    check(oom.nextMs());
    expect(kills).toEqual([["/pod/a", 1]]);
    let lastMs = 0;
    while (oom.nextMs() < Number.POSITIVE_INFINITY) {
      lastMs = oom.nextMs();
      check(lastMs);
    }
    expect(lastMs).toBeLessThanOrEqual(2000);
    expect(lastMs).toBeGreaterThan(1900);
    expect(kills.length).toBe(1);
  });

  test("an old kernel's notification is all there is, and is told once", () => {
    counters.set("/pod", Number.NaN);
    oom.notified(watch(), false, 1000);
    check(1000);
    check(1100);
    expect(kills).toEqual([["/pod", null]]);
    expect(oom.nextMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("the guard keeps its hands off the subtree for a moment, longer once the kernel has killed", () => {
    oom.notified(watch(), true, 1000);
    expect(oom.yieldsUntilMs("/pod", 1000)).toBe(1050);
    expect(oom.yieldsUntilMs("/pod/a", 1000)).toBe(1050);
    expect(oom.yieldsUntilMs("/", 1000)).toBe(1050);
    expect(oom.yieldsUntilMs("/pod2", 1000)).toBe(0);
    counters.set("/pod/a", 1);
    check(1010);
    expect(oom.yieldsUntilMs("/pod", 1010)).toBe(1210);
    expect(oom.yieldsUntilMs("/pod", 1210)).toBe(0);
  });

  test("a lone container need not wait for the kernel", () => {
    oom.notified(watch(), false, 1000);
    expect(oom.yieldsUntilMs("/pod", 1000)).toBe(0);
  });

  test("a watch that is released is looked at no more", () => {
    oom.notified(watch(), true, 1000);
    oom.drop(watch());
    expect(oom.nextMs()).toBe(Number.POSITIVE_INFINITY);
    expect(oom.yieldsUntilMs("/pod", 1000)).toBe(0);
  });

  test("a kill that a released watch was still to tell is told by the next one", () => {
    oom.notified(watch(), false, 1000);
    check(1000);
    counters.set("/pod/a", 1);
    oom.drop(watch());
    oom.learn(watch());
    expect(oom.nextMs()).toBeLessThan(Number.POSITIVE_INFINITY);
    check(1020);
    expect(kills).toEqual([["/pod/a", 1]]);
  });

  test("a watch that is armed with nothing to tell is not looked at", () => {
    oom = new OomWatch(reader);
    counters.set("/pod/a", 7);
    oom.learn(watch());
    oom.learn(watch());
    expect(oom.nextMs()).toBe(Number.POSITIVE_INFINITY);
  });
});
