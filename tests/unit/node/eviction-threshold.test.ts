import { expect, test } from "bun:test";
import { evictionThresholdBytes } from "../../../src/node/eviction-threshold.ts";

const G = 2 ** 30;

test.each<[string, string, number | null | undefined]>([
  ["a quantity", "100Mi", 100 * 2 ** 20],
  ["a decimal one", "1G", 1e9],
  ["a share of the capacity, as kubelet rounds it", "5%", 858993472],
  ["a share with a fraction", "12.5%", 2 * G],
  ["more than most would wish", "99%", 17008070656],
  ["0%: no threshold", "0%", null],
  ["100%: no threshold", "100%", null],
  ["nothing: kubelet does not start with that", "", undefined],
  ["zero: neither", "0", undefined],
  ["a negative one", "-1Mi", undefined],
  ["more than all", "101%", undefined],
  ["a negative share", "-5%", undefined],
  ["text", "lots", undefined],
  ["a share of text", "lots%", undefined],
])("%s", (_promise, text, expected) => {
  expect(evictionThresholdBytes(text, 16 * G)).toBe(expected as number);
});
