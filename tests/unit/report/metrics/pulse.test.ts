import { expect, test } from "bun:test";
import { Pulse } from "../../../../src/report/metrics/pulse.ts";

test("a thread that answers beats, one that never will does not", async () => {
  expect(await new Pulse(() => Promise.resolve(true)).beats()).toBe(true);
  expect(await new Pulse(() => Promise.resolve(false)).beats()).toBe(false);
});

test("one that hangs does not beat until it answers, and is asked once meanwhile", async () => {
  const answers: ((answered: boolean) => void)[] = [];
  const pulse = new Pulse(() => new Promise((resolve) => answers.push(resolve)));
  expect(await pulse.beats(1)).toBe(false);
  expect(await pulse.beats(1)).toBe(false);
  expect(answers).toHaveLength(1);
  const late = pulse.beats(5000);
  answers[0]!(true);
  expect(await late).toBe(true);
  expect(await pulse.beats(1)).toBe(false);
  expect(answers).toHaveLength(2);
});
