import { expect, test } from "bun:test";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { Policy } from "../../../src/config/config.ts";
import { SKIP_REASONS } from "../../../src/decide/skip.ts";
import type { ToSentinel, WatchSpec } from "../../../src/sentinel/protocol.ts";
import { Sentinel } from "../../../src/sentinel/sentinel.ts";
import { sharedSkips } from "../../../src/sentinel/skips.ts";
import { startWith } from "./start-with.ts";

/** What one look finds in a cgroup whose threshold is 90 and whose margin is 10. */
interface Find {
  readonly usageBytes: number;
  readonly fileBytes?: number;
  readonly slackBytes?: number;
  readonly swappableBytes?: number;
}

const calm: Find = { usageBytes: 20 };
const justBelow: Find = { usageBytes: 85 };
const full: Find = { usageBytes: 95 };
const cached: Find = { usageBytes: 95, fileBytes: 50 };
const swaps: Find = { usageBytes: 95, fileBytes: 5, swappableBytes: 50 };
// An eighth of the margin is all that counts.
const slack: Find = { usageBytes: 91, slackBytes: 10 };

/** How often usage is read before the next thing is found: at the start twice for one look. */
const LOOKS_EACH = 3;

/** Lets a sentinel look at these, one after the other, and nobody be there to be killed. @returns what it counted */
function countsOver(finds: readonly Find[], policy: Policy): Record<string, number> {
  const controlFd = createEventfd();
  const spec = {
    slot: 1,
    cgroup: "/c",
    policy,
    kind: "container",
    limitBytes: 100,
    nearBytes: 80,
    bounds: { thresholdBytes: 90, marginBytes: 10, cacheFloorBytes: 10 },
    armed: { directoryFd: createEventfd(), usageFd: createEventfd(), statFd: createEventfd(), signals: [] },
  } as unknown as WatchSpec;
  const messages: (ToSentinel | undefined)[] = [{ type: "watch", spec }, undefined];
  const skips = sharedSkips();
  let looks = -1;
  const found = () => finds[Math.min(Math.floor(looks / LOOKS_EACH), finds.length - 1)]!;
  const usage = () => {
    looks++;
    if (looks === LOOKS_EACH * finds.length) {
      messages.push({ type: "stop" }, undefined);
      signalEventfd(controlFd);
    }
    return found().usageBytes;
  };
  const reading = () => ({
    fileBytes: 0,
    inactiveFileBytes: 0,
    slackBytes: 0,
    swappableBytes: 0,
    anonBytes: 0,
    residentBytes: 0,
    ...found(),
  });
  const start = startWith(controlFd, { skips });
  const reader = { ...memoryReaderV1, usage, reading, oomKills: () => 0 };
  signalEventfd(controlFd);
  new Sentinel(
    start,
    reader,
    () => undefined,
    () => messages.shift(),
    () => 0,
  ).run();
  close(controlFd);
  return Object.fromEntries(
    SKIP_REASONS.map((reason, index) => [reason, skips[index]!] as const).filter(([, count]) => count > 0),
  );
}

test.each<[string, Policy, Find[], Record<string, number>]>([
  ["nothing, while it is below", "container", [calm, calm, justBelow], {}],
  ["cache, once, however often it is looked at", "container", [cached, cached], { cache: 1 }],
  [
    "cache, once, while usage dances around the threshold",
    "container",
    [cached, justBelow, cached],
    { cache: 1 },
  ],
  ["cache again, after it was a margin below", "container", [cached, calm, cached, calm], { cache: 2 }],
  [
    "each reason of one excursion",
    "container",
    [slack, cached, slack, swaps],
    { slack: 1, cache: 1, swap: 1 },
  ],
  ["that there is nobody to kill", "container", [full], { "no-victim": 1 }],
  ["the policy", "noop", [full, full, justBelow, full], { noop: 1 }],
])("what is counted where nobody is killed: %s", (_, policy, finds, expected) => {
  expect(countsOver(finds, policy)).toEqual(expected);
});
