import { describe, expect, test } from "bun:test";
import { printable, printableAscii } from "../../../src/report/text.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

describe("printable", () => {
  test.each([
    ["plain text stays as it is", "web-0 (a/b) ~!", "web-0 (a/b) ~!"],
    ["letters of any script stay", "Größe 日本語 🚀", "Größe 日本語 🚀"],
    ["a backslash stays, so that doing it twice changes nothing", "a\\x1b", "a\\x1b"],
    ["a line break is shown", "a\nb", "a\\x0ab"],
    ["an escape is shown", "\x1b[31m", "\\x1b[31m"],
    ["a C1 control is shown", "\x9b", "\\x9b"],
    ["DEL is shown", "\x7f", "\\x7f"],
    ["a bidi override is shown", "a\u202eb", "a\\u202eb"],
    ["a zero-width joiner is shown", "a\u200db", "a\\u200db"],
    ["a line separator is shown", "\u2028", "\\u2028"],
    ["a language tag is shown", "\u{e0041}", "\\u{e0041}"],
    ["a lone surrogate is replaced", "a\ud800b\udfff", "a\ufffdb\ufffd"],
  ])("%s", (_promise, text, expected) => expect(printable(text)).toBe(expected));

  test.each([
    ["what fits is not cut", "abcde", 5, "abcde"],
    ["what does not fit ends in an ellipsis", "abcdef", 5, "abcd…"],
    ["escapes count as long as they print", "\n\n", 6, "\\x0a\\…"],
    ["a pair is not cut in half", "ab😀d", 4, "ab…"],
    ["a pair at the edge of the limit leaves no half", "abc😀", 4, "abc…"],
    ["no room, no text", "abc", 0, ""],
    ["room for the ellipsis only", "abc", 1, "…"],
  ])("%s", (_promise, text, max, expected) => expect(printable(text, max)).toBe(expected));

  test.each(hostileNames)("leaves nothing unsafe of %s", (_promise, text) => {
    const safe = printable(text, 200);
    expect(safe).not.toMatch(UNSAFE);
    expect(safe).not.toContain("\n");
    expect(safe.length).toBeLessThanOrEqual(200);
    expect(safe.isWellFormed()).toBe(true);
    expect(printable(safe, 200)).toBe(safe);
  });

  test("no code point at all is unsafe afterwards", () => {
    const bad: number[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      const safe = printable(`a${String.fromCodePoint(code)}b`);
      if (UNSAFE.test(safe) || safe.includes("\n") || !safe.isWellFormed()) bad.push(code);
    }
    expect(bad).toEqual([]);
  });
});

describe("printableAscii", () => {
  test.each(hostileNames)("is ASCII for %s", (_promise, text) => {
    expect(printableAscii(text, 200)).toMatch(/^[\x20-\x7e]{0,200}$/);
  });

  test("shows what it cannot print", () => expect(printableAscii("日ä😀")).toBe("\\u65e5\\xe4\\u{1f600}"));
});
