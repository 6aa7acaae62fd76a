import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { startWith } from "./start-with.ts";

/** Lets a sentinel run until it stops. @param pieces its spare work, of which each may leave it a message @returns what happened */
function run(pieces: (ToSentinel | null)[]): string[] {
  const controlFd = createEventfd();
  const order: string[] = [];
  const messages: ToSentinel[] = [];
  const sentinel = new Sentinel(
    startWith(controlFd),
    memoryReaderV1,
    (message) => {
      order.push(message.type);
    },
    () => messages.shift(),
    () => 0,
  );
  sentinel.run({
    get isLeft() {
      return pieces.length > 0;
    },
    doSome() {
      order.push("piece");
      const message = pieces.shift() ?? null;
      if (message === null) return;
      messages.push(message);
      signalEventfd(controlFd);
    },
  });
  close(controlFd);
  return order;
}

test("what comes while there is spare work is obeyed before its next piece", () => {
  expect(run([{ type: "ping", serial: 1 }, null, { type: "stop" }, null])).toEqual([
    "piece",
    "pong",
    "piece",
    "piece",
    "stopped",
  ]);
});
