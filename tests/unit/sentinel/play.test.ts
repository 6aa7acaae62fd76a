import { afterAll, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync } from "node:fs";
import { memoryReader } from "../../../src/cgroup/memory-reader.ts";
import { Play, roleOf } from "../../../src/sentinel/play.ts";
import type { FromSentinel } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { Stage } from "../../../src/sentinel/stage.ts";
import { startWith } from "./start-with.ts";

const ROUNDS = Array.from({ length: 72 }, (_, round) => round);
const NOBODY = 4_194_305;
const NOBODY_IN_THE_LARGER_CONTAINER = NOBODY + 1;
const stage = Stage.build()!;

afterAll(() => stage.remove());

/** Plays one round to its end. @returns what the sentinel told, and whom it signalled */
function perform(
  round: number,
  cgroupVersion: 1 | 2,
  onEnd = () => {},
): { told: FromSentinel[]; signalled: number[] } {
  const told: FromSentinel[] = [];
  const signalled: number[] = [];
  const reader = memoryReader(cgroupVersion);
  const play = new Play(stage.folder, reader, roleOf(round));
  const sentinel = new Sentinel(
    startWith(play.controlFd, { cgroupVersion, procRoot: `${stage.folder}/proc` }),
    reader,
    (message) => void told.push(message),
    () => play.receive(),
    (_, pid) => {
      signalled.push(pid);
      return 0;
    },
  );
  sentinel.run(play);
  onEnd();
  play.close();
  return { told, signalled };
}

const notifiedBy = (plot: string) => (plot === "through-cache" ? "pressure" : "threshold");

for (const version of [1, 2] as const) {
  test(`every role ends in a kill of nobody, cgroup v${version}`, () => {
    for (const round of ROUNDS) {
      const { told, signalled } = perform(round, version);
      const { plot, kind, policy } = roleOf(round);
      const incidents = told.flatMap((message) => (message.type === "incident" ? [message.incident] : []));
      expect(incidents).toMatchObject([{ kind: "kill", policy, victimCount: 1 }]);
      // A look of its own may come first.
      const trigger = incidents[0]?.trigger === "poll" ? "poll" : notifiedBy(plot);
      expect(incidents[0]?.trigger).toBe(trigger);
      expect(told.some(({ type }) => type === "near")).toBe(plot === "announced" || plot === "through-cache");
      expect(signalled).toHaveLength(1);
      if (kind !== "pod") expect(signalled).toEqual([NOBODY]);
      else if (policy === "container") expect(signalled).toEqual([NOBODY_IN_THE_LARGER_CONTAINER]);
      expect(told.at(-1)).toEqual({ type: "stopped" });
    }
  });
}

test("no descriptor is left open", () => {
  const before = readdirSync("/proc/self/fd").length;
  for (const round of ROUNDS) perform(round, 1);
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});

test("what the sentinel has closed is not closed again: it may be somebody else's by then", () => {
  for (const round of ROUNDS) {
    let others: number[] = [];
    perform(round, 1, () => {
      others = Array.from({ length: 20 }, () => openSync("/dev/null", "r"));
    });
    for (const fd of others) closeSync(fd);
  }
});

test("each plot comes with each limit, kind and policy", () => {
  const roles = new Set(ROUNDS.map((round) => JSON.stringify(roleOf(round))));
  expect(roles.size).toBe(4 * 2 * 3 * 2);
});
