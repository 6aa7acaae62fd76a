import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { Epoll } from "../../../ffi/epoll.ts";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import type { Meaning } from "../../../src/cgroup/hierarchy.ts";
import type { WatchSpec } from "../../../src/sentinel/protocol.ts";
import { attach, CONTROL_TAG, detach, listenToReclaim, readTag } from "../../../src/sentinel/watch.ts";

const meanings: Meaning[] = ["threshold", "near", "pressure", "reclaim", "oom"];

function specOf(slot: number): WatchSpec {
  const signals = meanings.map((meaning) => ({ meaning, fd: createEventfd() }));
  const [directoryFd, usageFd, statFd] = [createEventfd(), createEventfd(), createEventfd()];
  return {
    slot,
    cgroup: `/c${slot}`,
    armed: { directoryFd, usageFd, statFd, signals },
  } as unknown as WatchSpec;
}

const reported = (epoll: Epoll) => Array.from({ length: epoll.wait(0) }, (_, i) => readTag(epoll.tagAt(i)));

test.each([1, 2, 1000, 600_000_000])("each signal of slot %d tells the slot and what it means", (slot) => {
  const epoll = new Epoll(16);
  const watch = attach(epoll, specOf(slot));
  for (const { meaning, fd } of watch.spec.armed.signals) {
    signalEventfd(fd);
    expect(reported(epoll)).toEqual(meaning === "reclaim" ? [] : [{ slot, meaning }]);
  }
  listenToReclaim(epoll, watch);
  expect(reported(epoll)).toEqual([{ slot, meaning: "reclaim" }]);
  detach(epoll, watch);
});

test("the control descriptor's tag belongs to no watch", () => {
  // Slots begin at 1.
  expect(readTag(CONTROL_TAG).slot).toBe(0);
  expect(readTag(CONTROL_TAG).meaning).toBeUndefined();
});

/** How many eventfds this process has open. */
const eventfds = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventfd]";
    } catch {
      return false;
    }
  }).length;

test("a watch that is detached reports no more, and gives every descriptor back", () => {
  const epoll = new Epoll(16);
  const before = eventfds();
  const watch = attach(epoll, specOf(1));
  expect(eventfds()).toBe(before + 8);
  for (const { fd } of watch.spec.armed.signals) signalEventfd(fd);
  detach(epoll, watch);
  expect(reported(epoll)).toEqual([]);
  expect(eventfds()).toBe(before);
});
