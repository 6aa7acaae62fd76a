import { describe, expect, test } from "bun:test";
import { parseRecord } from "../../../src/kernel-log/record.ts";

const parse = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return parseRecord(bytes, bytes.length);
};

describe("a record of the kernel's log is read", () => {
  test.each([
    ["as it was from 3.5 on", "6,339,5140900,-;NET: Registered", 339, 5_140_900, "NET: Registered", false],
    [
      "with its keys",
      "7,160,424069,-;pci_root\n SUBSYSTEM=acpi\n DEVICE=+acpi",
      160,
      424_069,
      "pci_root",
      false,
    ],
    ["with what follows the flags", "4,7,9,-,caller=T2019,more;text", 7, 9, "text", false],
    ["with commas and semicolons in its text", "4,7,9,-;a,b;c", 7, 9, "a,b;c", false],
    ["without a text", "4,7,9,-;\n", 7, 9, "", false],
    ["as a first part, or a later one", "6,7,9,c; of it", 7, 9, " of it", true],
    ["as a later part, before 4.9", "6,7,9,+; of it", 7, 9, " of it", true],
    ["with what is no ASCII", "6,7,9,-;a\\xc3\\xa4\\x0ab\\x5cx41", 7, 9, "aä\nb\\x41", false],
    ["with bytes that are no UTF-8", "6,7,9,-;a\\xffb", 7, 9, "a\ufffdb", false],
    [
      "with numbers of a long boot",
      "6,4294967297,5270400000000,-;x",
      4_294_967_297,
      5_270_400_000_000,
      "x",
      false,
    ],
  ])("%s", (_, text, seq, bootMicros, message, isContinuation) => {
    expect(parse(text)).toEqual({ seq, bootMicros, message, isContinuation });
  });
});

test.each([7, 0, 3])("what the kernel says at level %d counts", (priority) => {
  expect(parse(`${priority},1,2,-;x`)?.message).toBe("x");
});

test.each([
  ["user", 8],
  ["daemon", 30],
  ["the highest there is", 2047],
])("what comes with a facility of user space (%s) does not, but its number does", (_, priority) => {
  expect(parse(`${priority},1,2,-;x`)).toEqual({
    seq: 1,
    bootMicros: 2,
    message: null,
    isContinuation: false,
  });
});

test.each([
  ["nothing", ""],
  ["a text", "Killed process 1"],
  ["no text", "6,339,5140900,-"],
  ["too few numbers", "6,339;x"],
  ["no numbers", "a,b,c,-;x"],
])("no record: %s", (_, text) => {
  expect(parse(text)).toBeNull();
});

test("what an earlier record left in the buffer is not read", () => {
  const bytes = new TextEncoder().encode("6,1,2,-;short\nrest of a longer one");
  expect(parseRecord(bytes, 14)?.message).toBe("short");
  expect(parseRecord(bytes, 11)?.message).toBe("sho");
});
