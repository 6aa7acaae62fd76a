import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { journalSink } from "../../../../src/report/journal/sink.ts";
import type { Delivery } from "../../../../src/report/journal/target.ts";
import type { LogEntry } from "../../../../src/report/log-line.ts";
import { messageIds } from "../../../../src/report/message-kind.ts";
import type { LogSink } from "../../../../src/report/sink.ts";
import { journalFields } from "../../../support/journal-entry.ts";

const TIME = new Date("2026-01-02T03:04:05.678Z");

/** A journal that answers as it is told, and what reached it, and what was written as lines instead. */
function stage() {
  const state: { answer: Delivery; tries: number } = { answer: "taken", tries: 0 };
  const taken: Record<string, string>[] = [];
  const lines: string[] = [];
  const journal = {
    send(bytes: Uint8Array<ArrayBuffer>): Delivery {
      state.tries++;
      if (state.answer === "taken") taken.push(journalFields(Buffer.from(bytes)));
      return state.answer;
    },
    close: () => undefined,
  };
  const lineSink: LogSink = { take: ({ message }) => lines.push(message), close: async () => undefined };
  const sink = journalSink(journal, lineSink);
  const say = (message: string) => {
    const entry: LogEntry = { time: TIME, level: "info", kind: null, message, fields: {} };
    sink.take(entry);
  };
  return { state, taken, lines, sink, say, messages: () => taken.map((fields) => fields.MESSAGE) };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe("while the journal takes entries", () => {
  test("each is sent at once, without a time of its own", () => {
    const { say, taken, state } = stage();
    say("one");
    say("two");
    expect(taken.map(({ MESSAGE, OOM_GUARD_TIME }) => [MESSAGE, OOM_GUARD_TIME])).toEqual([
      ["one", undefined],
      ["two", undefined],
    ]);
    expect(state.tries).toBe(2);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("while the journal is away", () => {
  test("entries wait, and are sent in order with the time they were made", () => {
    const { say, taken, messages, state } = stage();
    state.answer = "later";
    say("one");
    say("two");
    state.answer = "taken";
    say("three");
    expect(messages()).toEqual(["one", "two", "three"]);
    expect(taken.map(({ OOM_GUARD_TIME }) => OOM_GUARD_TIME)).toEqual([
      TIME.toISOString(),
      TIME.toISOString(),
      undefined,
    ]);
  });

  test("it is tried again by a timer, less and less often, and only while something waits", () => {
    const { say, messages, state } = stage();
    state.answer = "later";
    say("one");
    const before = state.tries;
    jest.advanceTimersByTime(60_000);
    // 20, 40 ... 640 ms make 1.3 s; then it is once a second.
    expect(state.tries - before).toBe(64);
    state.answer = "taken";
    jest.advanceTimersByTime(1000);
    expect(messages()).toEqual(["one"]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("many entries at once make it wait no longer", () => {
    const { say, messages, state } = stage();
    state.answer = "later";
    for (let i = 0; i < 20; i++) say(String(i));
    jest.advanceTimersByTime(20);
    state.answer = "taken";
    jest.advanceTimersByTime(40);
    expect(messages()).toHaveLength(20);
  });

  test("after it was there the next outage is found out about as quickly as the first", () => {
    const { say, messages, state } = stage();
    state.answer = "later";
    say("one");
    jest.advanceTimersByTime(60_000);
    state.answer = "taken";
    jest.advanceTimersByTime(1000);
    state.answer = "later";
    say("two");
    state.answer = "taken";
    jest.advanceTimersByTime(20);
    expect(messages()).toEqual(["one", "two"]);
  });

  test.each([
    ["512 entries", 600, "x", 512, 88],
    ["1 MiB", 30, "x".repeat(1000).repeat(100), 10, 20],
  ])(
    "at most %s are kept, the newest, and how many are lost is said before them",
    (_, many, text, kept, lost) => {
      const { sink, taken, messages, state } = stage();
      state.answer = "later";
      for (let i = 0; i < many; i++) {
        sink.take({ time: TIME, level: "info", kind: "kill", message: String(i), fields: { text } });
      }
      state.answer = "taken";
      jest.advanceTimersByTime(1000);
      expect(taken[0]).toMatchObject({
        MESSAGE: `${lost} log lines were lost here`,
        MESSAGE_ID: messageIds["log-lines-lost"],
        PRIORITY: "4",
      });
      expect(messages().slice(1)).toEqual(Array.from({ length: kept }, (_, i) => String(many - kept + i)));
    },
  );

  test("one that is larger than all that may wait is lost alone", () => {
    const { sink, say, messages, state } = stage();
    state.answer = "later";
    sink.take({
      time: TIME,
      level: "info",
      kind: "kill",
      message: "huge",
      fields: { text: "x".repeat(2e6) },
    });
    say("after");
    state.answer = "taken";
    say("and on");
    expect(messages()).toEqual(["1 log line was lost here", "after", "and on"]);
  });

  test("a loss is said once", () => {
    const { say, messages, state } = stage();
    state.answer = "later";
    for (let i = 0; i < 513; i++) say("x");
    state.answer = "taken";
    say("y");
    state.answer = "later";
    say("z");
    state.answer = "taken";
    say("end");
    expect(messages().filter((message) => message?.includes("lost"))).toHaveLength(1);
  });
});

describe("what the journal refuses", () => {
  test("is written as a line, in place", () => {
    const { say, messages, lines, state } = stage();
    say("before");
    state.answer = "refused";
    say("refused");
    state.answer = "taken";
    say("after");
    expect(messages()).toEqual(["before", "after"]);
    expect(lines).toEqual(["refused"]);
  });

  test("does not hold up what waits behind it", () => {
    const { say, messages, lines, state } = stage();
    state.answer = "later";
    say("one");
    state.answer = "refused";
    jest.advanceTimersByTime(20);
    state.answer = "taken";
    say("two");
    expect(lines).toEqual(["one"]);
    expect(messages()).toEqual(["two"]);
  });
});

describe("at the end", () => {
  beforeEach(() => {
    jest.useRealTimers();
  });

  test("what waits is sent if the journal is there again within the last moment", async () => {
    const { say, messages, lines, sink, state } = stage();
    state.answer = "later";
    say("last words");
    const closed = sink.close();
    state.answer = "taken";
    await closed;
    expect(messages()).toEqual(["last words"]);
    expect(lines).toEqual([]);
  });

  test("else it is written as lines: systemd keeps those for journald", async () => {
    const { say, lines, sink, state } = stage();
    state.answer = "later";
    for (let i = 0; i < 514; i++) say(String(i));
    await sink.close();
    expect(lines.slice(0, 2)).toEqual(["2 log lines were lost here", "2"]);
    expect(lines).toHaveLength(513);
  });

  test("what is said afterwards is a line", async () => {
    const { say, lines, messages, sink } = stage();
    await sink.close();
    say("one more thing");
    expect(lines).toEqual(["one more thing"]);
    expect(messages()).toEqual([]);
  });
});
