import { describe, expect, test } from "bun:test";
import { jsonDocument } from "../../../src/report/json.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

describe("a name", () => {
  test.each(hostileNames)("with %s comes back exactly, and is harmless on the way", (_, name) => {
    const text = jsonDocument({ [name]: [name] });
    expect(JSON.parse(text)).toEqual({ [name]: [name] });
    expect(text).not.toMatch(UNSAFE);
    expect(text.indexOf("\n")).toBe(text.length - 1);
  });
});

test("ordinary text, other scripts included, stays readable", () => {
  expect(jsonDocument({ name: "Grüße 日本 😀" })).toBe('{"name":"Grüße 日本 😀"}\n');
});
