import { expect, test } from "bun:test";
import { whatWaitersNeed } from "../../../src/decide/waiting.ts";

test.each([
  ["a first look: a task that was woken may not have run yet", 0, false, "look"],
  ["just before it is sure", 49, false, "look"],
  ["the limit is reached and they still wait", 50, false, "kill"],
  ["there is room: a victim has died, they only have to run", 50, true, "look"],
  ["the same under a CPU quota", 999, true, "look"],
  ["there is room, and nobody has woken them", 1000, true, "release"],
  ["the limit is reached again after that", 5000, false, "kill"],
] as const)("tasks that wait at a limit: %s", (_, waitedMs, hasRoom, need) => {
  expect(whatWaitersNeed(waitedMs, hasRoom)).toBe(need);
});
