import { describe, expect, test } from "bun:test";
import { Chores } from "../../../src/daemon/chores.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** Chores, the times at which they ran, and what is left of them. */
function start() {
  const clock = new FakeClock();
  const state = { isWaiting: false, ranMs: [] as number[] };
  const chores = new Chores({
    clock,
    run: () => state.ranMs.push(clock.nowMs()),
    isWaiting: () => state.isWaiting,
  });
  return { clock, state, chores };
}

describe("small work of the daemon", () => {
  test("is done within a second after something has happened, once for all of it", async () => {
    const { clock, state, chores } = start();
    const startMs = clock.nowMs();
    chores.stir();
    await clock.pass(600);
    chores.stir();
    await clock.pass(5000);
    expect(state.ranMs).toEqual([startMs + 1000]);
  });

  test("is done every second while something waits", async () => {
    const { clock, state, chores } = start();
    state.isWaiting = true;
    chores.stir();
    await clock.pass(5000);
    expect(state.ranMs).toHaveLength(5);
  });

  test("is done rarely while nothing happens, but it is", async () => {
    const { clock, state, chores } = start();
    chores.stir();
    await clock.pass(61_000);
    expect(state.ranMs).toHaveLength(7);
  });

  test("is not put off by what happens when it is rarely done", async () => {
    const { clock, state, chores } = start();
    chores.stir();
    await clock.pass(1000);
    await clock.pass(5000);
    chores.stir();
    await clock.pass(1000);
    expect(state.ranMs).toHaveLength(2);
  });

  test("is over when it is stopped, whatever happens then", async () => {
    const { clock, state, chores } = start();
    chores.stir();
    chores.stop();
    chores.stir();
    await clock.pass(30_000);
    expect(state.ranMs).toEqual([]);
  });
});
