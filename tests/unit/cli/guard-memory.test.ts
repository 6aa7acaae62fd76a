import { expect, spyOn, test } from "bun:test";
import { GuardMemory } from "../../../src/cli/guard-memory.ts";

test("the whole heap is collected each time 500 more cgroups have gone, and not in between", () => {
  using gc = spyOn(Bun, "gc").mockImplementation(() => 0);
  const memory = new GuardMemory(() => undefined);
  const collectedAt: number[] = [];
  for (let gone = 0; gone <= 1200; gone += 10) {
    const before = gc.mock.calls.length;
    memory.collect(gone);
    if (gc.mock.calls.length > before) collectedAt.push(gone);
  }
  expect(collectedAt).toEqual([500, 1000]);
});
