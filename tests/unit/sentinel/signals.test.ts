import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { FromSentinel, ToSentinel, WatchSpec } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { startWith } from "./start-with.ts";

/** No descriptor of anybody. */
const NOBODYS = 2 ** 30;

test("a notification that cannot be waited for is said, and the thread guards on and polls that cgroup", () => {
  const controlFd = createEventfd();
  const spec = {
    slot: 1,
    cgroup: "/c",
    nearBytes: 50,
    bounds: { thresholdBytes: 90, marginBytes: 10, cacheFloorBytes: 10 },
    armed: { directoryFd: createEventfd(), usageFd: createEventfd(), statFd: createEventfd(), signals: [] },
  } as unknown as WatchSpec;
  const messages: (ToSentinel | undefined)[] = [
    { type: "watch", spec },
    { type: "signals", slot: 1, signals: [{ meaning: "threshold", fd: NOBODYS, wakes: "readable" }] },
    { type: "ping", serial: 7 },
    undefined,
  ];
  const told: FromSentinel[] = [];
  let looks = 0;
  const usage = () => {
    // When only a poll can have brought it here.
    if (messages.length === 0 && ++looks === 3) {
      messages.push({ type: "stop" }, undefined);
      signalEventfd(controlFd);
    }
    return 1;
  };
  const sentinel = new Sentinel(
    startWith(controlFd),
    { ...memoryReaderV1, usage, oomKills: () => 0 },
    (message) => told.push(message),
    () => messages.shift(),
    () => 0,
  );
  signalEventfd(controlFd);
  sentinel.run();
  close(controlFd);
  expect(told).toMatchObject([
    { type: "trouble", kind: "notification-refused", message: expect.stringContaining("epoll_ctl: EBADF") },
    { type: "pong", serial: 7 },
    { type: "stopped" },
  ]);
});
