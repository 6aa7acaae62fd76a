import type { Epoll } from "../../ffi/epoll.ts";
import { close, readFromStart } from "../../ffi/file.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import { descriptors, type Meaning, type Signal } from "../cgroup/hierarchy.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import type { ClosingIn } from "../decide/closing-in.ts";
import { calmPace, type Pace } from "../decide/pace.ts";
import { calm, type WatchState } from "../decide/step.ts";
import type { WatchSpec } from "./protocol.ts";

/** One armed cgroup in the sentinel's table. */
export interface Watch {
  readonly spec: WatchSpec;
  readonly signals: Signal[];
  /** How usage comes closer to the threshold, where the kernel does not tell. */
  approach: Pace;
  /** How it nears its threshold (`final-approach.ts`); null: the kernel will tell. */
  closingIn: ClosingIn | null;
  /** How it uses up its page cache above the threshold, likewise; null: slowly, or not. */
  usingUp: ClosingIn | null;
  state: WatchState;
  /** Whether the threshold's notifications wake the sentinel. */
  heedsThreshold: boolean;
  /** Whether the kernel will tell of the next crossing (`decide/crossing.ts`). */
  inStep: boolean;
  /** When to look without being notified; Infinity: never. */
  nextPollMs: number;
  /** What `MemoryReader.oomEvents` said last. */
  oomEvents: number;
  /** Since when tasks were seen to wait at its limit (`waiters.ts`); Infinity: none do. */
  waitingSinceMs: number;
  /** The guard can do nothing for it, so the kernel holds it back no more: it is polled. */
  helpless: boolean;
  /** Until then nobody is looked for in it again. */
  nobodyUntilMs: number;
  /** Reasons for which nobody was killed that are counted already, a bit each (`skips.ts`). */
  skipped: number;
  /** Removed by somebody; main has yet to release it. */
  gone: boolean;
  /** When main was last told that the limit is near. */
  nearMs: number;
  /** The processes as they were when usage last came near the limit. */
  snapshot: {
    readonly atMs: number;
    readonly usageBytes: number;
    readonly processes: readonly ProcessFacts[];
  } | null;
  /** Begins the record of a kill; made anew when the identity changes. */
  intentPrefix: string | null;
}

const meanings: readonly Meaning[] = ["threshold", "near", "pressure", "reclaim", "oom"];
const TAGS_PER_SLOT = 8;

/** The tag of the control descriptor; no watch has it. */
export const CONTROL_TAG = TAGS_PER_SLOT - 1;

/** What a tag that epoll reported stands for. */
export function readTag(tag: number): { readonly slot: number; readonly meaning: Meaning } {
  return { slot: Math.floor(tag / TAGS_PER_SLOT), meaning: meanings[tag % TAGS_PER_SLOT]! };
}

const tagOf = (spec: WatchSpec, meaning: Meaning) => spec.slot * TAGS_PER_SLOT + meanings.indexOf(meaning);

/** A new watch that waits for the notifications it came with. @throws SysError */
export function attach(epoll: Epoll, spec: WatchSpec): Watch {
  const watch: Watch = {
    spec,
    signals: [],
    state: calm,
    heedsThreshold: true,
    inStep: false,
    approach: calmPace,
    closingIn: null,
    usingUp: null,
    nextPollMs: Number.POSITIVE_INFINITY,
    oomEvents: Number.NaN,
    waitingSinceMs: Number.POSITIVE_INFINITY,
    helpless: false,
    nobodyUntilMs: 0,
    skipped: 0,
    gone: false,
    nearMs: Number.NEGATIVE_INFINITY,
    snapshot: null,
    intentPrefix: null,
  };
  listenTo(epoll, watch, spec.armed.signals);
  return watch;
}

/** Waits for more notifications. Reports of reclaim stay silent until `listenToReclaim`. @throws SysError */
export function listenTo(epoll: Epoll, watch: Watch, signals: readonly Signal[]): void {
  for (const signal of signals) {
    const { meaning, fd, wakes } = signal;
    const canStorm = meaning === "threshold" || wakes === "priority";
    const silent = meaning === "reclaim" || (canStorm && !watch.heedsThreshold);
    if (silent) epoll.addSilent(fd, tagOf(watch.spec, meaning), wakes);
    else epoll.add(fd, tagOf(watch.spec, meaning), wakes);
    // After that: a watch without a threshold it is woken by has to be polled.
    watch.signals.push(signal);
  }
}

// Older than this, what was read when usage came near the limit is no longer true, and memory does not grow fast.
const SNAPSHOT_MS = 1000;

/** What was read when usage came near the limit, if that was just now. */
export function freshSnapshot({ snapshot }: Watch, nowMs: number): Watch["snapshot"] {
  return snapshot !== null && nowMs - snapshot.atMs < SNAPSHOT_MS ? snapshot : null;
}

/** Whether the kernel tells when usage reaches the threshold; if not, somebody must look. */
export function hasThreshold({ signals, helpless }: Watch): boolean {
  return !helpless && signals.some(({ meaning }) => meaning === "threshold");
}

/** Whether it will tell the next time, too; memory.high (cgroup v2) tells each time. */
export function willBeTold(watch: Watch): boolean {
  return hasThreshold(watch) && (watch.inStep || isHeld(watch));
}

/**
 * Ends or resumes the threshold's notifications, on cgroup v2 all. Where files are streamed through a full cgroup usage
 * crosses the threshold a thousand times a second (3 % of a core), and polling sees what there is to see.
 */
export function heedThreshold(epoll: Epoll, watch: Watch, heed: boolean): void {
  if (watch.heedsThreshold === heed) return;
  watch.heedsThreshold = heed;
  for (const { meaning, fd, wakes } of watch.signals) {
    if (meaning !== "threshold" && wakes !== "priority") continue;
    if (heed) epoll.listen(fd, tagOf(watch.spec, meaning), wakes);
    else epoll.silence(fd, tagOf(watch.spec, meaning), wakes);
  }
}

const forgotten = new NativeBuffer(1024);

/**
 * Lets the next report of reclaim, one only, wake the sentinel. On cgroup v2 that is what comes when the kernel reclaims at
 * the threshold, or at the limit. @throws SysError
 */
export function listenToReclaim(epoll: Epoll, watch: Watch): void {
  for (const { meaning, fd, wakes } of watch.signals) {
    if (meaning !== "reclaim" && wakes !== "priority") continue;
    if (wakes === "priority") readFromStart(fd, forgotten);
    epoll.listenOnce(fd, tagOf(watch.spec, meaning), wakes);
  }
}

/** Whether the notifications of this watch are silent, but for the one that `listenToReclaim` asked for (cgroup v2). */
export function isListenedToOnce({ heedsThreshold, signals }: Watch): boolean {
  return !heedsThreshold && signals.some(({ wakes }) => wakes === "priority");
}

/** Whether the kernel holds usage back at the threshold (cgroup v2: memory.high). */
export function isHeld({ signals, helpless }: Watch): boolean {
  return !helpless && signals.some(({ meaning, wakes }) => meaning === "threshold" && wakes === "priority");
}

/**
 * Closes the descriptors of the watch, which ends the waiting for them; closing the eventfds ends the kernel's registrations.
 * @returns those left open: the end of a PSI trigger takes the kernel 8 to 16 ms (psi_trigger_destroy(), Linux 6.18)
 */
export function detach(epoll: Epoll, { spec, signals }: Watch): number[] {
  const slow = signals.filter(({ meaning, wakes }) => meaning === "pressure" && wakes === "priority");
  const quick = signals.filter((signal) => !slow.includes(signal));
  for (const { fd } of slow) epoll.remove(fd);
  for (const fd of descriptors({ ...spec.armed, signals: quick })) close(fd);
  return slow.map(({ fd }) => fd);
}
