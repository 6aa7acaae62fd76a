import { describe, expect, test } from "bun:test";
import { EventRate } from "../../../../src/report/events/event-rate.ts";
import {
  type Bucket,
  FULL,
  isFull,
  returnToken,
  takeToken,
  tokenAtMs,
} from "../../../../src/report/events/token-bucket.ts";

const rule = { burst: 3, refillMs: 100 };

/** The bucket after tokens were taken at these times. */
function taken(...times: number[]): Bucket {
  return times.reduce((bucket, nowMs) => takeToken(bucket, rule, nowMs), FULL);
}

describe("a bucket", () => {
  test.each([
    ["never used", [], Number.NEGATIVE_INFINITY],
    ["one taken", [0], -100],
    ["two taken", [0, 0], 0],
    ["all taken", [0, 0, 0], 100],
    ["all taken, one came back and went", [0, 0, 0, 100], 200],
    ["all taken over time", [0, 50, 99], 100],
    ["long ago", [0, 0, 0, 1000], 900],
  ])("%s", (_promise, times, expected) => expect(tokenAtMs(taken(...times), rule)).toBe(expected));

  test("gives what it has and then one each period, for any number that asks", () => {
    let bucket = FULL;
    let given = 0;
    for (let now = 0; now <= 1000; now++) {
      if (tokenAtMs(bucket, rule) > now) continue;
      bucket = takeToken(bucket, rule, now);
      given++;
    }
    expect(given).toBe(3 + 10);
  });

  test("waiting exactly as long as it says is enough, also with fractions", () => {
    let bucket = FULL;
    let now = 0.1;
    for (let i = 0; i < 1000; i++) {
      now = Math.max(now, tokenAtMs(bucket, { burst: 1, refillMs: 0.7 }));
      bucket = takeToken(bucket, { burst: 1, refillMs: 0.7 }, now);
    }
    expect(now).toBeCloseTo(0.1 + 999 * 0.7, 6);
  });

  test("what is returned can be taken again", () => {
    expect(tokenAtMs(returnToken(taken(0, 0, 0), rule), rule)).toBe(0);
  });

  test("is full again after all of them came back", () => {
    expect([isFull(taken(0, 0), 199), isFull(taken(0, 0), 200), isFull(FULL, 0)]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

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
