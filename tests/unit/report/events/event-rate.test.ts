import { describe, expect, test } from "bun:test";
import { EventRate } from "../../../../src/report/events/event-rate.ts";

describe("the rate", () => {
  test("of a pod is 5, and one a minute; of other pods it is their own", () => {
    const rate = new EventRate();
    for (let i = 0; i < 5; i++) {
      expect(rate.readyAtMs("web")).toBeLessThanOrEqual(0);
      rate.take("web", 0);
    }
    expect(rate.readyAtMs("web")).toBe(60_000);
    expect(rate.readyAtMs("db")).toBeLessThanOrEqual(0);
  });

  test("of the node is 30, and one each ten seconds", () => {
    const rate = new EventRate();
    for (let i = 0; i < 30; i++) rate.take(`pod-${i}`, 0);
    expect(rate.readyAtMs("one more")).toBe(10_000);
    rate.giveBack("pod-7");
    expect(rate.readyAtMs("one more")).toBe(0);
  });

  test("forgets pods of long ago: after a year of pods it knows those of the last minutes", () => {
    const rate = new EventRate();
    for (let i = 0; i < 50_000; i++) {
      const now = i * 10_000;
      rate.prune(now);
      rate.take(`pod-${i}`, now);
    }
    expect(rate.size).toBeLessThanOrEqual(31);
  });
});
