import { beforeEach, expect, test } from "bun:test";
import { Watchdog } from "../../../src/service/watchdog.ts";
import { FakeClock, settled } from "../../support/fake-clock.ts";

const TIMEOUT_MS = 30_000;

let clock: FakeClock;
let told: string[];
/** What it asked and was not answered yet. */
let questions: ((answered: boolean) => void)[];

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  questions = [];
});

function watchdog(timeoutMs = TIMEOUT_MS): Watchdog {
  return new Watchdog(timeoutMs, {
    clock,
    ping: () => {
      told.push("ping");
      return new Promise((resolve) => questions.push(resolve));
    },
    beat: () => told.push("beat"),
    onSilent: () => told.push("silent"),
    onAnswer: () => told.push("answer"),
  });
}

async function answer(): Promise<void> {
  questions.shift()?.(true);
  await settled();
}

test("a beat follows each answer, three in the time that is allowed", async () => {
  watchdog().start();
  for (let i = 0; i < 4; i++) {
    await answer();
    await clock.pass(TIMEOUT_MS / 3);
  }
  expect(told).toEqual([...Array(4).fill(["ping", "beat", "answer"]).flat(), "ping"]);
});

test("without an answer no beat, no second question, and its absence is told a moment after two thirds of the time", async () => {
  watchdog().start();
  await answer();
  told.length = 0;
  await clock.pass((TIMEOUT_MS * 2) / 3);
  expect(told).toEqual(["ping"]);
  await clock.pass(TIMEOUT_MS / 24);
  expect(told).toEqual(["ping", "silent"]);
  await clock.pass(TIMEOUT_MS / 3 - TIMEOUT_MS / 24);
  expect(told.filter((what) => what === "ping" || what === "beat")).toEqual(["ping"]);
});

test("an answer that comes late is a beat at once, and the questions go on", async () => {
  watchdog().start();
  await clock.pass(TIMEOUT_MS * 2);
  told.length = 0;
  await answer();
  expect(told).toEqual(["beat", "answer"]);
  await clock.pass(TIMEOUT_MS / 3);
  expect(told).toEqual(["beat", "answer", "ping"]);
});

test("an answer that was there, but is read late because this thread was blocked, is no absence", async () => {
  watchdog().start();
  await clock.pass(TIMEOUT_MS / 3);
  await answer();
  await clock.pass(TIMEOUT_MS / 4);
  expect(told).toEqual(["ping", "beat", "answer"]);
});

test("a thread that has ended gets no beat", async () => {
  watchdog().start();
  questions.shift()?.(false);
  await clock.pass(TIMEOUT_MS);
  expect(told.filter((what) => what === "ping" || what === "beat")).toEqual(["ping"]);
});

test("stopped, it leaves no timer and says nothing, whatever still comes", async () => {
  const stopped = watchdog();
  stopped.start();
  await clock.pass(TIMEOUT_MS / 3);
  stopped.stop();
  expect(clock.pending).toBe(0);
  told.length = 0;
  await answer();
  await clock.pass(TIMEOUT_MS);
  expect(told).toEqual([]);
});

test.each([
  ["next to no time", 0.001, 1],
  ["more than a timer can wait for", Number(2n ** 64n) / 1000, 2 ** 31 - 1],
])("with %s it asks at a pace that can be kept", async (_, timeoutMs, intervalMs) => {
  watchdog(timeoutMs).start();
  await answer();
  await clock.pass(intervalMs * 0.9);
  expect(told.filter((what) => what === "ping")).toHaveLength(1);
  await clock.pass(intervalMs * 0.2);
  expect(told.filter((what) => what === "ping")).toHaveLength(2);
});
