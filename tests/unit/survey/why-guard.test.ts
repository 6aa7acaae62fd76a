import { expect, test } from "bun:test";
import type { Surveyed } from "../../../src/survey/survey.ts";
import { whyGuard } from "../../../src/survey/why-guard.ts";
import { facts } from "../decide/processes.ts";

const largest = facts(1, 9);
const own = { cgroup: "/pod", largest };
const inner = { cgroup: "/pod/c", largest };
const beyondRequest =
  "of the containers in it this one is furthest beyond its request; a sandbox is never killed";

test.each<[string, Pick<Surveyed, "policy" | "guardChoice">, string]>([
  [
    "nobody may be killed",
    { policy: "container", guardChoice: null },
    "sandboxes, containers that a rule exempts and processes at oom_score_adj -1000 are left alone",
  ],
  [
    "one process",
    { policy: "process", guardChoice: inner },
    "of the processes it may kill, this one has the most points; of equals, the youngest",
  ],
  [
    "the cgroup itself",
    { policy: "container", guardChoice: own },
    "it is what would run out of memory, and dies as one",
  ],
  ["a container of a pod", { policy: "container", guardChoice: inner }, beyondRequest],
  [
    "nothing but a record",
    { policy: "noop", guardChoice: inner },
    `${beyondRequest}; policy noop only records it`,
  ],
])("%s", (_, changes, sentence) => {
  expect(whyGuard({ cgroup: "/pod", processes: [largest], ...changes } as unknown as Surveyed)).toBe(
    sentence,
  );
});
