import { expect, test } from "bun:test";
import { Places } from "../../../src/cgroup/v2/places.ts";

test("so many at once, the others in order, and a place that is left is given on", async () => {
  const places = new Places(2);
  const taken: number[] = [];
  const take = async (who: number) => {
    await places.take();
    taken.push(who);
  };
  const all = [1, 2, 3, 4].map(take);
  await Bun.sleep(0);
  expect(taken).toEqual([1, 2]);
  places.leave();
  await Bun.sleep(0);
  expect(taken).toEqual([1, 2, 3]);
  places.leave();
  places.leave();
  await Promise.all(all);
  places.leave();
  await take(5);
  expect(taken).toEqual([1, 2, 3, 4, 5]);
});
