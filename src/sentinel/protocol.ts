import type { Armed, Signal } from "../cgroup/hierarchy.ts";
import type { Policy } from "../config/config.ts";
import type { Bounds } from "../decide/step.ts";
import type { CgroupKind, Identity } from "../discover/identity.ts";
import type { Incident } from "../record/incident.ts";
import type { MessageKind } from "../report/message-kind.ts";

/** One armed cgroup, handed to the sentinel together with its descriptors: the sentinel closes them. */
export interface WatchSpec {
  /** Place in the sentinel's table, never given again. */
  readonly slot: number;
  readonly cgroup: string;
  readonly kind: CgroupKind;
  readonly policy: Policy;
  readonly limitBytes: number;
  readonly nearBytes: number;
  readonly bounds: Bounds;
  /** Tasks may wait for the guard at the limit. */
  readonly waitAtLimit: boolean;
  readonly armed: Armed;
}

/** What main knows of a cgroup, armed or not: whether it may be a victim, and whose it is. */
export interface Known {
  readonly policy: Policy;
  readonly identity: Identity;
}

/** The first message a sentinel gets. */
export interface Start {
  readonly type: "start";
  /** Signalled by main after each batch of messages on the port. */
  readonly controlFd: number;
  readonly cgroupVersion: 1 | 2;
  readonly mount: string;
  readonly procRoot: string;
  readonly kernelRelease: string;
  /** The file of `record/black-box.ts`; -1 without one. */
  readonly blackBoxFd: number;
  /** `sharedSkips`: where it counts why nobody was killed. */
  readonly skips: Uint32Array;
  /** The slot to begin with: those before it may still be in use. */
  readonly blackBoxFirst: number;
}

export type ToSentinel =
  | { readonly type: "watch"; readonly spec: WatchSpec }
  /** Thresholds the kernel granted after the watch was handed over; without one the watch is polled. */
  | { readonly type: "signals"; readonly slot: number; readonly signals: readonly Signal[] }
  | { readonly type: "release"; readonly slot: number }
  | { readonly type: "know"; readonly cgroup: string; readonly known: Known | null }
  /** To be answered with `pong`, and so with all messages before it obeyed. */
  | { readonly type: "ping"; readonly serial: number }
  | { readonly type: "stop" };

/** Lets the kill path be compiled, in two parts, and then touched: `warm-up.ts`. Each is answered with `rehearsed` when it is done. */
export type Rehearsal = "first" | "rest" | "touch";

/** What the thread gets, several at a time: `rehearse`, on the stage in that folder, and what is for the sentinel. */
export type ToThread =
  | ToSentinel
  | { readonly type: "rehearse"; readonly rehearsal: Rehearsal; readonly stage: string };

/** How far the sentinel got; `trouble` and `settled` are said once per key by whoever logs them. */
export type FromSentinel =
  | { readonly type: "ready" }
  | { readonly type: "rehearsed" }
  | {
      readonly type: "incident";
      readonly incident: Incident;
      readonly blackBoxSlot: number;
      /** Everybody who was signalled: the incident may list fewer. */
      readonly pids: readonly number[];
    }
  /** A kill by the kernel. `isCount`: its counter moved; otherwise it has none, and there was a notification. */
  | {
      readonly type: "kernel-kill";
      readonly incident: Incident;
      readonly blackBoxSlot: number;
      readonly isCount: boolean;
    }
  | { readonly type: "dead"; readonly id: string; readonly deadMillis: number }
  | { readonly type: "near"; readonly slot: number }
  /** Over its threshold with nobody to kill, or not even watched: what holds the cgroup back must be let go. */
  | { readonly type: "helpless"; readonly slot: number; readonly isWatched: boolean }
  /** Far enough below its threshold again. */
  | { readonly type: "recovered"; readonly slot: number }
  /** The cgroup was removed; there may be another one of its name. */
  | { readonly type: "gone"; readonly slot: number }
  /** Descriptors of a released watch which the kernel takes its time over closing. */
  | { readonly type: "left-open"; readonly fds: readonly number[] }
  | { readonly type: "trouble"; readonly kind: MessageKind; readonly key: string; readonly message: string }
  | { readonly type: "settled"; readonly key: string }
  | { readonly type: "pong"; readonly serial: number }
  /** It has ended without being told to, or before it was ready. */
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "stopped" };
