import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close, openDirectory, openReadAt } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { Policy } from "../../../src/config/config.ts";
import type { Reading } from "../../../src/decide/reading.ts";
import type { Executor } from "../../../src/sentinel/executor.ts";
import { FinalApproach } from "../../../src/sentinel/final-approach.ts";
import type { ToSentinel, WatchSpec } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import type { Watch } from "../../../src/sentinel/watch.ts";
import { startWith } from "./start-with.ts";

const CGROUP = "/c";
// No process ever has it (PID_MAX_LIMIT).
const PID = 4_194_310;
const M = 2 ** 20;
const NEAR = 960 * M;
const THRESHOLD = 980 * M;

// Each look at the clock takes as long as one does on a fast machine: on a slow one the leak would be over before it is seen.
const CLOCK_STEP_MS = 0.05;

let stage: string;
let clock: Mock<typeof performance.now>;

beforeEach(() => {
  let nowMs = 1000;
  clock = spyOn(performance, "now").mockImplementation(() => {
    nowMs += CLOCK_STEP_MS;
    return nowMs;
  });
  stage = mkdtempSync(join(tmpdir(), "oom-guard-approach-"));
  mkdirSync(`${stage}/proc/${PID}`, { recursive: true });
  mkdirSync(stage + CGROUP);
  writeFileSync(`${stage}/proc/${PID}/cgroup`, `4:memory:${CGROUP}\n`);
  writeFileSync(`${stage}/proc/${PID}/oom_score_adj`, "0\n");
  writeFileSync(
    `${stage}/proc/${PID}/status`,
    "Name:\tleak\nPPid:\t1\nCapEff:\t0\nVmRSS:\t 4 kB\nVmPTE:\t 4 kB\n",
  );
  writeFileSync(`${stage}${CGROUP}/cgroup.procs`, `${PID}\n`);
  writeFileSync(`${stage}${CGROUP}/memory.usage_in_bytes`, "");
  writeFileSync(
    `${stage}${CGROUP}/memory.stat`,
    "total_cache 0\ntotal_inactive_file 0\ntotal_active_file 0\n",
  );
});

afterEach(() => {
  clock.mockRestore();
  rmSync(stage, { recursive: true });
});

/**
 * Lets a sentinel guard a cgroup near its limit that notifies of nothing, until it has killed, found nobody to kill, or usage falls below near.
 * @param usageAt usage so many milliseconds after it was handed over, in bytes
 * @param cacheAt how much of it is page cache
 * @returns the usage that was read last before each SIGKILL, the page cache then, and how often usage was read
 */
function guard(usageAt: (ms: number) => number, policy: Policy, cacheAt: (ms: number) => number = () => 0) {
  const controlFd = createEventfd();
  // An eventfd that nobody signals stands for a threshold: without one it would be polled all the time.
  const silent = createEventfd();
  const directoryFd = openDirectory(cString(stage + CGROUP));
  const spec: WatchSpec = {
    slot: 1,
    cgroup: CGROUP,
    policy,
    kind: "container",
    limitBytes: 1000 * M,
    nearBytes: NEAR,
    waitAtLimit: false,
    bounds: { thresholdBytes: THRESHOLD, marginBytes: 20 * M, cacheFloorBytes: 20 * M },
    armed: {
      directoryFd,
      usageFd: openReadAt(directoryFd, memoryReaderV1.usageFile),
      statFd: openReadAt(directoryFd, memoryReaderV1.statFile),
      signals: [{ meaning: "threshold", fd: silent, wakes: "readable" }],
    },
  };
  const messages: (ToSentinel | undefined)[] = [{ type: "watch", spec }, undefined];
  const startMs = performance.now();
  const kills: number[] = [];
  const cacheAtKills: number[] = [];
  let looks = 0;
  let usageBytes = 0;
  let fileBytes = 0;
  const stop = () => {
    messages.push({ type: "stop" });
    signalEventfd(controlFd);
  };
  const usage = () => {
    looks++;
    usageBytes = usageAt(performance.now() - startMs);
    if (usageBytes < NEAR) stop();
    return usageBytes;
  };
  const reading = (_: unknown, usageBytes: number) => {
    fileBytes = cacheAt(performance.now() - startMs);
    const anonBytes = usageBytes - fileBytes;
    const nothing = { slackBytes: 0, inactiveFileBytes: 0, swappableBytes: 0 };
    return { ...nothing, usageBytes, residentBytes: usageBytes, fileBytes, anonBytes };
  };
  const sentinel = new Sentinel(
    startWith(controlFd, { mount: stage, procRoot: `${stage}/proc` }),
    { ...memoryReaderV1, usage, reading, oomKills: () => 0 },
    (message) => {
      if (message.type === "incident" || message.type === "helpless") stop();
    },
    () => messages.shift(),
    () => {
      kills.push(usageBytes);
      cacheAtKills.push(fileBytes);
      return 0;
    },
  );
  signalEventfd(controlFd);
  sentinel.run();
  close(controlFd);
  return { kills, cacheAtKills, looks };
}

test("a fast leak is killed at its threshold without a notification, and no process before it", () => {
  for (const policy of ["container", "process"] as const) {
    const { kills } = guard((ms) => NEAR + M + 2 * M * ms, policy);
    expect(kills.length).toBe(1);
    expect(kills[0]).toBeGreaterThanOrEqual(THRESHOLD);
  }
});

test("a leak that turns back right below the threshold costs nobody their life", () => {
  const { kills, looks } = guard((ms) => (ms < 9 ? NEAR + M + 2 * M * ms : NEAR - M), "container");
  expect(looks).toBeGreaterThan(3);
  expect(kills).toEqual([]);
});

test.each([0, 0.25, 0.5, 0.75])(
  "a fast leak that eats up page cache (%d ms on) is killed as soon as too little is left",
  (onMs) => {
    const cacheAt = (ms: number) => Math.max(0, 100 * M - 4 * M * (ms + onMs));
    const { kills, cacheAtKills } = guard(() => 1000 * M, "container", cacheAt);
    expect(kills.length).toBe(1);
    expect(cacheAtKills[0]).toBeLessThan(20 * M);
    // Looked at once a millisecond it would be 4M.
    expect(cacheAtKills[0]).toBeGreaterThan(18.5 * M);
  },
);

test.each([
  ["has moved to another cgroup", () => writeFileSync(`${stage}/proc/${PID}/cgroup`, "4:memory:/other\n")],
  ["may not be killed any more", () => writeFileSync(`${stage}/proc/${PID}/oom_score_adj`, "-1000\n")],
  ["is gone", () => rmSync(`${stage}/proc/${PID}`, { recursive: true })],
])("a process that %s since its death was rehearsed is not killed", (_, change) => {
  let isChanged = false;
  const { kills, looks } = guard((ms) => {
    const usageBytes = NEAR + M + 2 * M * ms;
    if (usageBytes >= THRESHOLD && !isChanged) {
      change();
      isChanged = true;
    }
    return usageBytes;
  }, "container");
  expect(looks).toBeGreaterThan(3);
  expect(kills).toEqual([]);
});

test("leaks that come near and turn back leave no descriptor behind", () => {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const round = () => guard((ms) => (ms < 3 ? NEAR + M + 5 * M * ms : NEAR - M), "container");
  round();
  const before = descriptors();
  let looks = 0;
  for (let i = 0; i < 100; i++) looks += round().looks;
  expect(looks).toBeGreaterThan(300);
  expect(descriptors()).toBe(before);
});

test("cgroups that eat up page cache again and again are followed only for as long as there is time to be spent on it", () => {
  let nowMs = 1000;
  clock.mockImplementation(() => nowMs);
  const executor = { ongoing: { blocks: () => false }, rehearse: () => (nowMs += 5) };
  const approach = new FinalApproach(memoryReaderV1, executor as unknown as Executor);
  const watch = {
    spec: { cgroup: CGROUP, policy: "container", bounds: { cacheFloorBytes: 20 * M } },
    state: { pace: { bytesPerMs: 4 * M } },
  } as unknown as Watch;
  const look = (fileBytes: number) =>
    approach.useUp(watch, { residentBytes: 1000 * M, fileBytes, swappableBytes: 0 } as Reading, nowMs);
  let followed = 0;
  for (; followed < 100; followed++) {
    watch.usingUp = null;
    if (look(40 * M) === Number.POSITIVE_INFINITY) break;
    nowMs += 1;
    look(36 * M);
  }
  // 60 ms at once, 5 for each.
  expect(followed).toBe(13);
});
