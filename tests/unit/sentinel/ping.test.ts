import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { FromSentinel, ToSentinel, WatchSpec } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { startWith } from "./start-with.ts";

test("the sentinel answers each ping by its number, after what came before it", () => {
  const controlFd = createEventfd();
  const told: FromSentinel[] = [];
  const pressureFd = createEventfd();
  const spec = {
    slot: 1,
    cgroup: "/c",
    nearBytes: 50,
    bounds: { thresholdBytes: 90, marginBytes: 10, cacheFloorBytes: 10 },
    armed: {
      directoryFd: createEventfd(),
      usageFd: createEventfd(),
      statFd: createEventfd(),
      signals: [{ meaning: "pressure", fd: pressureFd, wakes: "priority" }],
    },
  } as unknown as WatchSpec;
  const messages: ToSentinel[] = [
    { type: "watch", spec },
    { type: "release", slot: 1 },
    { type: "release", slot: 1 },
    { type: "ping", serial: 7 },
    { type: "ping", serial: 8 },
    { type: "stop" },
  ];
  const sentinel = new Sentinel(
    startWith(controlFd),
    { ...memoryReaderV1, usage: () => 1, oomKills: () => 0 },
    (message) => told.push(message),
    () => messages.shift(),
    () => 0,
  );
  signalEventfd(controlFd);
  sentinel.run();
  for (const fd of [controlFd, pressureFd]) close(fd);
  expect(told).toEqual([
    { type: "left-open", fds: [pressureFd] },
    { type: "pong", serial: 7 },
    { type: "pong", serial: 8 },
    { type: "stopped" },
  ]);
});
