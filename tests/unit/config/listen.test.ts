import { describe, expect, test } from "bun:test";
import { parseListen } from "../../../src/config/listen.ts";

describe("parseListen reads", () => {
  test.each([
    ["9841", null, 9841],
    ["127.0.0.1:9841", "127.0.0.1", 9841],
    ["[::1]:9841", "::1", 9841],
    ["node-1.example:80", "node-1.example", 80],
  ])("%s", (input, host, port) => {
    expect(parseListen(input)).toEqual({ ok: true, value: { host, port } });
  });
});

describe("parseListen refuses", () => {
  test.each([
    "",
    "on",
    ":9841",
    "::1:9841",
    "[:::]:9841",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:http",
    "0",
    "65536",
    "a b:1",
    "9841\n",
  ])("%j", (input) => {
    expect(parseListen(input).ok).toBe(false);
  });
});
