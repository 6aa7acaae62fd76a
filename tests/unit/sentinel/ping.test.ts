import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { FromSentinel, ToSentinel } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { startWith } from "./start-with.ts";

test("the sentinel answers each ping by its number, after what came before it", () => {
  const controlFd = createEventfd();
  const told: FromSentinel[] = [];
  const messages: ToSentinel[] = [
    { type: "release", slot: 1 },
    { type: "ping", serial: 7 },
    { type: "ping", serial: 8 },
    { type: "stop" },
  ];
  const sentinel = new Sentinel(
    startWith(controlFd),
    memoryReaderV1,
    (message) => told.push(message),
    () => messages.shift(),
    () => 0,
  );
  signalEventfd(controlFd);
  sentinel.run();
  close(controlFd);
  expect(told).toEqual([
    { type: "released", slot: 1, fds: [] },
    { type: "pong", serial: 7 },
    { type: "pong", serial: 8 },
    { type: "stopped" },
  ]);
});
