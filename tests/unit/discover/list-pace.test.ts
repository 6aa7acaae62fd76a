import { describe, expect, test } from "bun:test";
import { ListPace, patienceMs } from "../../../src/discover/list-pace.ts";
import { ApiError, type ApiErrorKind } from "../../../src/kubernetes/api-error.ts";

const S = 1000;
const MIN = 60 * S;

describe("the floor", () => {
  test("lets three lists through at once, then one in ten seconds", () => {
    const pace = new ListPace(() => 0);
    const begun: number[] = [];
    for (let now = 0; now <= MIN; now += 100) {
      if (pace.earliestMs(now) > now) continue;
      pace.began(now);
      begun.push(now / S);
    }
    expect(begun).toEqual([0, 0.1, 0.2, 10, 20, 30, 40, 50, 60]);
  });

  test("does not save up more than three in a quiet hour", () => {
    const pace = new ListPace(() => 0);
    const now = 60 * MIN;
    for (let list = 0; list < 3; list++) {
      expect(pace.earliestMs(now)).toBe(now);
      pace.began(now);
    }
    expect(pace.earliestMs(now)).toBe(now + 10 * S);
  });
});

describe("after a failure", () => {
  const pausesOf = (kind: ApiErrorKind, count: number, random = 0, retryAfterMs?: number) => {
    const pace = new ListPace(() => random);
    return Array.from({ length: count }, () => {
      pace.failed(new ApiError(kind, "x", retryAfterMs === undefined ? {} : { retryAfterMs }), 0);
      return pace.earliestMs(0) / S;
    });
  };

  test.each<[string, number[], number[]]>([
    [
      "the pause doubles, up to five minutes",
      pausesOf("unreachable", 10),
      [2, 4, 8, 16, 32, 64, 128, 256, 300, 300],
    ],
    ["it is shorter at random, by half at most", pausesOf("server", 3, 1), [1, 2, 4]],
    ["it is at least what the server wishes", pausesOf("throttled", 3, 0, 5 * S), [5, 5, 8]],
    ["but no wish is longer than five minutes", pausesOf("throttled", 1, 0, 60 * MIN), [300]],
    // kubelet may be about to write its kubeconfig, or in the middle of replacing a certificate.
    ["it is no longer where there is no kubeconfig", pausesOf("unconfigured", 3), [2, 4, 8]],
  ])("%s", (_, pauses, expected) => expect(pauses).toEqual(expected));

  test("the error stands until the pause is over, and a success ends it", () => {
    const pace = new ListPace(() => 0);
    const error = new ApiError("timeout", "x");
    pace.failed(error, 0);
    expect([pace.failing(1999), pace.failing(2000)]).toEqual([error, null]);
    pace.failed(error, 0);
    pace.succeeded();
    expect(pace.failing(0)).toBeNull();
    pace.failed(error, 0);
    expect(pace.earliestMs(0)).toBe(2 * S);
  });
});

test.each([
  ["unreachable", 0, 4],
  ["forbidden", 2, 6],
] as const)("an answer to others ends the pause after %s at once: %d s", (kind, atOnceS, nextS) => {
  const pace = new ListPace(() => 0);
  pace.failed(new ApiError(kind, "x"), 0);
  pace.lift();
  expect(pace.earliestMs(0)).toBe(atOnceS * S);
  // It goes on counting: lists alone may be what the server cannot do.
  pace.failed(new ApiError(kind, "x"), atOnceS * S);
  expect(pace.earliestMs(0)).toBe(nextS * S);
});

test.each([
  [1, 0, 2],
  [2, 0, 4],
  [3, 1, 4],
  [9, 0, 300],
  [1000, 0, 300],
])(
  "after %d lists that did not have it (random %d) it is looked for after %d s",
  (misses, random, seconds) => {
    expect(patienceMs(misses, random)).toBe(seconds * S);
  },
);
