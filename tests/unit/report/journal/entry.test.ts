import { describe, expect, test } from "bun:test";
import { fieldName, journalEntry, lateEntry } from "../../../../src/report/journal/entry.ts";
import type { LogEntry } from "../../../../src/report/log-line.ts";
import { messageIds } from "../../../../src/report/message-kind.ts";
import { journalFields } from "../../../support/journal-entry.ts";
import { hostileNames, UNSAFE } from "../hostile.ts";

const TIME = new Date("2026-01-02T03:04:05.678Z");

function entry(about: Partial<LogEntry> = {}): LogEntry {
  return { time: TIME, level: "info", kind: null, message: "hello", fields: {}, ...about };
}

const bytesOf = (about: Partial<LogEntry>) => Buffer.from(journalEntry(entry(about)));
const head = (message: string, priority: number) =>
  `MESSAGE=${message}\nPRIORITY=${priority}\nSYSLOG_IDENTIFIER=oom-guard\nSYSLOG_FACILITY=3\n`;

describe("an entry, byte for byte", () => {
  test.each([
    ["a message alone", {}, head("hello", 6)],
    ["an error", { level: "error" as const }, head("hello", 3)],
    ["a warning", { level: "warn" as const }, head("hello", 4)],
    ["for debugging", { level: "debug" as const }, head("hello", 7)],
    [
      "a kind has its id",
      { kind: "guarding" as const },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.guarding}\n`,
    ],
    [
      "facts are fields, and words of the message",
      { fields: { pod: "web-0", limitBytes: 104857600, isOn: true, note: "a b" } },
      `${head('hello pod=web-0 limitBytes=104857600 isOn=true note="a b"', 6)}` +
        "OOM_GUARD_POD=web-0\nOOM_GUARD_LIMIT_BYTES=104857600\nOOM_GUARD_IS_ON=true\nOOM_GUARD_NOTE=a b\n",
    ],
    [
      "of an incident the message is the sentence",
      { kind: "kill" as const, fields: { pod: "web-0" } },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.kill}\nOOM_GUARD_POD=web-0\n`,
    ],
    [
      "a fact that is not known is left out, an empty one is not",
      { kind: "kill" as const, fields: { pod: null, pids: "" } },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.kill}\nOOM_GUARD_PIDS=\n`,
    ],
    [
      "a value with a line break has its length before it",
      { kind: "kill" as const, fields: { pod: "a\nPRIORITY=0" } },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.kill}\nOOM_GUARD_POD\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n`,
    ],
    [
      "which counts bytes",
      { kind: "kill" as const, fields: { pod: "日\n" } },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.kill}\nOOM_GUARD_POD\n\x04\0\0\0\0\0\0\0日\n\n`,
    ],
    [
      "so has one with another control character",
      { kind: "kill" as const, fields: { pod: "\x1b[2J", cgroup: "\0", container: "\x7f" } },
      `${head("hello", 6)}MESSAGE_ID=${messageIds.kill}\nOOM_GUARD_POD\n\x04\0\0\0\0\0\0\0\x1b[2J\n` +
        "OOM_GUARD_CGROUP\n\x01\0\0\0\0\0\0\0\0\nOOM_GUARD_CONTAINER\n\x01\0\0\0\0\0\0\0\x7f\n",
    ],
  ])("%s", (_, about, expected) => expect(bytesOf(about).toString("utf8")).toBe(expected));

  test("one that is sent late tells when it was made", () => {
    const late = Buffer.from(lateEntry(journalEntry(entry()), TIME)).toString();
    expect(late).toBe(`${head("hello", 6)}OOM_GUARD_TIME=2026-01-02T03:04:05.678Z\n`);
  });
});

describe("names of fields", () => {
  test.each([
    ["pod", "OOM_GUARD_POD"],
    ["containerId", "OOM_GUARD_CONTAINER_ID"],
    ["decideMicros", "OOM_GUARD_DECIDE_MICROS"],
    ["v1Mount", "OOM_GUARD_V1_MOUNT"],
    ["", "OOM_GUARD_"],
    ["a=b\nMESSAGE", "OOM_GUARD_A_B_MESSAGE"],
    ["日本", "OOM_GUARD___"],
    ["x".repeat(100), `OOM_GUARD_${"X".repeat(54)}`],
  ])("%p is %s", (key, expected) => expect(fieldName(key)).toBe(expected));
});

describe("hostile text", () => {
  const huge: [string, string][] = [
    ["100 KB", "x".repeat(100_000)],
    ["100 KB of line breaks", "\n".repeat(100_000)],
  ];
  test.each([...hostileNames, ...huge])("%s survives as a value, and injects nothing", (_, text) => {
    const fields = journalFields(
      bytesOf({ kind: "kill", message: text, fields: { pod: text, [text]: text, namespace: "after" } }),
    );
    const raw = Buffer.from(text).toString("utf8");
    expect(fields.OOM_GUARD_POD).toBe(raw);
    expect(fields[fieldName(text)]).toBe(raw);
    expect(fields.OOM_GUARD_NAMESPACE).toBe("after");
    expect(fields.PRIORITY).toBe("6");
    expect(Object.keys(fields)).toHaveLength(8);
    expect(fields.MESSAGE).not.toMatch(UNSAFE);
    expect(fields.MESSAGE).not.toContain("\n");
    expect(fields.MESSAGE!.length).toBeLessThanOrEqual(1024);
  });

  test.each(hostileNames)("%s as a word of the message is printable", (_, text) => {
    const { MESSAGE } = journalFields(bytesOf({ message: text, fields: { path: text } }));
    expect(MESSAGE).not.toMatch(UNSAFE);
    expect(MESSAGE).not.toContain("\n");
  });
});
