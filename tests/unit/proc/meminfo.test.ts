import { expect, test } from "bun:test";
import { parseMeminfo } from "../../../src/proc/meminfo.ts";

const parse = (text: string) => parseMeminfo(new TextEncoder().encode(text));

test("sizes are bytes", () => {
  const text = "MemTotal:  8 kB\nMemFree: 1 kB\nMemAvailable: 3 kB\nCommitLimit: 4 kB\nCommitted_AS: 9 kB\n";
  expect(parse(text)).toEqual({
    totalBytes: 8192,
    availableBytes: 3072,
    commitLimitBytes: 4096,
    committedBytes: 9216,
  });
});

test.each([
  ["an old kernel's", "MemTotal: 8 kB\n", 8192],
  ["an empty one", "", null],
  ["one with lines that only begin like those wanted", "MemTotalX: 8 kB\nMemTotal\n", null],
])("%s: what it does not tell is null", (_promise, text, totalBytes) => {
  expect(parse(text)).toEqual({
    totalBytes,
    availableBytes: null,
    commitLimitBytes: null,
    committedBytes: null,
  });
});
