import { describe, expect, test } from "bun:test";
import { type Dying, dyingStep, freshDying } from "../../../src/decide/dying.ts";

const M = 2 ** 20;

/** Looks whenever one is due, as long as `until`; `at` tells usage and survivors. */
function watch(at: (nowMs: number) => { usage: number; alive: number }, untilMs: number): Dying {
  let dying = freshDying(1000 * M, 3, 0);
  while (dying.nextMs <= untilMs) {
    const { usage, alive } = at(dying.nextMs);
    dying = dyingStep(dying, usage, alive, dying.nextMs);
  }
  return dying;
}

test("the first look comes after a millisecond, the next ones ever later, up to 20 ms", () => {
  let dying = freshDying(M, 1, 100);
  const delays = [dying.nextMs - 100];
  for (let i = 0; i < 7; i++) {
    const nowMs = dying.nextMs;
    dying = dyingStep(dying, M, 1, nowMs);
    delays.push(dying.nextMs - nowMs);
  }
  expect(delays).toEqual([1, 2, 4, 8, 16, 20, 20, 20]);
});

describe("victims are stuck", () => {
  const still = () => ({ usage: 1000 * M, alive: 3 });

  test("when nothing moved for five seconds, and not before", () => {
    expect(watch(still, 4900).stuck).toBe(false);
    expect(watch(still, 5030).stuck).toBe(true);
  });

  test("and are then looked at once a second", () => {
    expect(watch(still, 5030).delayMs).toBe(1000);
  });

  test("not while one after the other dies", () => {
    expect(watch((now) => ({ usage: 1000 * M, alive: now < 4000 ? 3 : 2 }), 8900).stuck).toBe(false);
  });

  test("not while their memory shrinks, a megabyte a second", () => {
    expect(watch((now) => ({ usage: 1000 * M - now * 1100, alive: 3 }), 60_000).stuck).toBe(false);
  });

  test("although usage shrinks by less than a megabyte in all", () => {
    expect(watch((now) => ({ usage: 1000 * M - (now % 2) * 1000, alive: 3 }), 5100).stuck).toBe(true);
  });

  test("although somebody else fills the cgroup meanwhile", () => {
    expect(watch((now) => ({ usage: 1000 * M + now * M, alive: 3 }), 5100).stuck).toBe(true);
  });

  test("no longer when one of them dies at last", () => {
    expect(watch((now) => ({ usage: 1000 * M, alive: now < 9000 ? 3 : 1 }), 10_500).stuck).toBe(false);
  });
});
