import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { reserveDescriptors } from "../../../ffi/descriptor-table.ts";

const tableSize = () => Number(/^FDSize:\s+(\d+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

test("the kernel's table of descriptors has room for as many as were reserved", () => {
  const wanted = 2 * tableSize();
  reserveDescriptors(wanted);
  expect(tableSize()).toBeGreaterThanOrEqual(wanted);
});

test("more than the process may have are no error", () => {
  const before = tableSize();
  reserveDescriptors(2 ** 31 - 1);
  expect(tableSize()).toBe(before);
});
