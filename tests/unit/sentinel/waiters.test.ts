import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import type { AtLimit, MemoryReader } from "../../../src/cgroup/hierarchy.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { FromSentinel, ToSentinel, WatchSpec } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { startWith } from "./start-with.ts";

const EIO = 5;
// Longer than any wait it would end.
const LOOK_FOR_MS = 1500;

/** What each look finds in a cgroup whose limit is 100, whose threshold is 90, and in which there is nobody to kill. */
interface Find {
  readonly usageBytes: number;
  readonly fileBytes?: number;
  readonly atLimit: AtLimit;
  readonly roomBytes?: number;
  readonly error?: number;
  readonly waitAtLimit?: boolean;
}

/** Lets a sentinel look until it lets the cgroup go, or has looked for long. @returns whether it has let it go, and why */
function isLetGo(find: Find): string | boolean {
  const controlFd = createEventfd();
  const spec = {
    slot: 1,
    cgroup: "/c",
    policy: "container",
    kind: "container",
    limitBytes: 100,
    nearBytes: 80,
    bounds: { thresholdBytes: 90, marginBytes: 10, cacheFloorBytes: 10 },
    waitAtLimit: find.waitAtLimit ?? true,
    armed: { directoryFd: createEventfd(), usageFd: createEventfd(), statFd: createEventfd(), signals: [] },
  } as unknown as WatchSpec;
  const messages: (ToSentinel | undefined)[] = [{ type: "watch", spec }, undefined];
  const told: FromSentinel[] = [];
  const stop = () => {
    messages.push({ type: "stop" }, undefined);
    signalEventfd(controlFd);
  };
  const startMs = performance.now();
  const reader: MemoryReader = {
    ...memoryReaderV1,
    usage: () => {
      if (performance.now() - startMs > LOOK_FOR_MS) stop();
      return find.usageBytes;
    },
    reading: () =>
      find.error === undefined
        ? {
            usageBytes: find.usageBytes,
            fileBytes: find.fileBytes ?? 0,
            inactiveFileBytes: 0,
            slackBytes: 0,
            swappableBytes: 0,
            anonBytes: 0,
            residentBytes: 0,
          }
        : -find.error,
    atLimit: () => find.atLimit,
    roomBytes: () => find.roomBytes ?? 0,
    oomKills: () => 0,
  };
  const post = (message: FromSentinel) => {
    told.push(message);
    if (message.type === "helpless") stop();
  };
  const start = startWith(controlFd);
  signalEventfd(controlFd);
  new Sentinel(
    start,
    reader,
    post,
    () => messages.shift(),
    () => 0,
  ).run();
  close(controlFd);
  const said = told.find(({ type }) => type === "trouble") as { kind: string } | undefined;
  return told.some(({ type }) => type === "helpless") && (said?.kind ?? true);
}

const room = 2 ** 40;
const cached = { usageBytes: 100, fileBytes: 50 };
const memsw = { usageBytes: 20 };

test.each<[string, Find, string | boolean]>([
  ["the kernel does not get at the cache", { ...cached, atLimit: "waits" }, "no-victim"],
  ["memory and swap together are at their limit", { ...memsw, atLimit: "waits" }, "no-victim"],
  ["the cgroup is over its threshold", { usageBytes: 100, atLimit: "waits" }, "no-victim"],
  ["there is room, but nobody goes on", { ...memsw, atLimit: "waits", roomBytes: room }, true],
  ["it cannot be read", { usageBytes: 95, atLimit: "kills", error: EIO }, "cgroup-not-read"],
])("tasks that wait are not left waiting where nobody can be killed: %s", (_, find, why) => {
  expect(isLetGo(find)).toBe(why);
});

test.each<[string, Find]>([
  ["nobody waits in it", { ...cached, atLimit: "kills" }],
  ["it is a cgroup above for which they wait", { ...cached, atLimit: "waits-above" }],
  ["the guard does not hold it", { ...cached, atLimit: "waits", waitAtLimit: false }],
])("a cache that is full is no reason to kill where %s", (_, find) => {
  expect(isLetGo(find)).toBe(false);
});
