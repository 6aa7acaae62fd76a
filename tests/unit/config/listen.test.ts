import { describe, expect, test } from "bun:test";
import { isLoopback, parseListen } from "../../../src/config/listen.ts";

describe("parseListen reads", () => {
  test.each([
    ["9841", "127.0.0.1", 9841],
    [":9841", "127.0.0.1", 9841],
    ["0.0.0.0:9841", "0.0.0.0", 9841],
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
    ":",
    "::9841",
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

test.each([
  ["127.0.0.1", true],
  ["127.255.0.9", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["127.0.0.1.example", false],
])("whether %s is this node's own: %p", (host, expected) => {
  expect(isLoopback({ host, port: 9841 })).toBe(expected);
});
