import { describe, expect, test } from "bun:test";
import { decimalAt, FieldParser } from "../../../src/proc/field-parser.ts";
import { bytesOf } from "./status-text.ts";

function parse(names: readonly string[], text: string, length?: number): number[] {
  const values = new Float64Array(names.length);
  const bytes = bytesOf(text);
  new FieldParser(names).parse(bytes, length ?? bytes.length, values);
  return [...values];
}

describe("a field is found", () => {
  test.each([
    ["after a blank, as in memory.stat", "cache 1\ntotal_cache 4096\n", ["total_cache"], [4096]],
    ["after a colon, as in status", "VmRSS:\t     123 kB\n", ["VmRSS"], [123]],
    ["after a tab", "a\t7\n", ["a"], [7]],
    ["in the first line and in the last, newline or not", "a 1\nb 2\nc 3", ["a", "c"], [1, 3]],
    ["in whatever order they come", "b 2\na 1\n", ["a", "b"], [1, 2]],
    ["by its whole name only", "oom_kill_disable 0\nunder_oom 1\noom_kill 5\n", ["oom_kill"], [5]],
    ["not by the end of another name", "total_rss 7\nrss 8\n", ["rss"], [8]],
    ["not by the beginning of another name", "total_rss_huge 9\ntotal_rss 7\n", ["total_rss"], [7]],
    ["beyond 32 bits", "total_cache 1099511627776\n", ["total_cache"], [2 ** 40]],
    ["as zero", "a 0\n", ["a"], [0]],
  ])("%s", (_, text, names, values) => {
    expect(parse(names, text)).toEqual(values);
  });
});

describe("a field is NaN", () => {
  test.each([
    ["where its line is missing", "b 1\n", ["a"]],
    ["where its line has no number", "a \nb 1\n", ["a"]],
    ["where the line ends with its name", "a\nb 1\n", ["a"]],
    ["in nothing", "", ["a"]],
    ["where the text ends with its name", "a", ["a"]],
  ])("%s", (_, text, names) => {
    expect(parse(names, text)).toEqual([Number.NaN]);
  });

  test("behind the length, although bytes of an earlier text lie there", () => {
    expect(parse(["a", "b"], "a 1\nb 2\n", 4)).toEqual([1, Number.NaN]);
  });
});

test.each([
  ["a number of its own", "4096\n", 0, 4096],
  ["the largest limit, as near as a double comes", "9223372036854771712\n", 0, 2 ** 63],
  ["nothing", "", 0, Number.NaN],
  ["a word", "max\n", 0, Number.NaN],
  ["a number in the middle", "x12y", 1, 12],
])("decimalAt: %s", (_, text, from, value) => {
  const bytes = bytesOf(text);
  expect(Number(decimalAt(bytes, from, bytes.length).toPrecision(12))).toBe(Number(value.toPrecision(12)));
});
