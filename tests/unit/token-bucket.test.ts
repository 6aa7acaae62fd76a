import { describe, expect, test } from "bun:test";
import { type Bucket, FULL, isFull, returnToken, takeToken, tokenAtMs } from "../../src/token-bucket.ts";

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
