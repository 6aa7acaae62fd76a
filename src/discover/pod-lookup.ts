import { type Clock, systemClock } from "../clock.ts";
import { ApiError, type ApiResult } from "../kubernetes/api-error.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";
import { type FoundPod, findPod, type PodKey } from "./find-pod.ts";
import type { Identity } from "./identity.ts";
import { ListPace, patienceMs } from "./list-pace.ts";
import type { NodePods } from "./node-pods.ts";

/** Asks the API server for all pods of this node. Never rejects. */
export type ListPods = () => Promise<ApiResult<NodePod[]>>;

/** What a lookup works with. */
export interface PodLookupOptions {
  readonly listPods: ListPods;
  /** Filled with what is listed. */
  readonly pods: NodePods;
  /** The pods cannot be listed; told once per cause. A node without an API server (`unconfigured`) is none. */
  readonly onTrouble?: (error: ApiError) => void;
  /** They can again, after trouble that was told. */
  readonly onRecovered?: () => void;
  /** The list is empty although there are pods here: it may be another node's. */
  readonly onNoPods?: () => void;
  /** There are more pods than are kept. */
  readonly onTruncated?: (rejected: number) => void;
  readonly clock?: Clock;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** A cgroup whose names are missing. */
interface Wanted {
  readonly sinceMs: number;
  /** Whether it is in a pod for certain; others may simply not be Kubernetes'. */
  readonly inPod: boolean;
  dueMs: number;
  misses: number;
}

/** Somebody who waits for a list that begins after the question. */
interface Finder {
  readonly key: PodKey;
  readonly resolve: (result: ApiResult<FoundPod | null>) => void;
}

/** Where a runtime tells names, they are there a moment after the cgroup. */
const GRACE_MS = 2000;
/** Lists that do not know a container outside of pods (half a minute of them): it is not Kubernetes'. */
const MAX_MISSES = 4;

/**
 * Decides when to list the node's pods: while there is something without names, and for an incident about a pod nobody
 * knows. One list at a time, rarely enough for the API server of a thousand nodes; no timer while nothing is missing.
 */
export class PodLookup {
  readonly #options: PodLookupOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #pace: ListPace;
  readonly #wanted = new Map<string, Wanted>();
  /** Cgroups that are not looked for any more. */
  readonly #resigned = new Set<string>();
  #timer: { readonly atMs: number; cancel(): void } | null = null;
  #listing = false;
  /** The list under way began before the server was heard to work: that it fails says nothing. */
  #outdated = false;
  #stopped = false;
  /** Who waits for the list that is under way, and who for the next. */
  #served: Finder[] = [];
  #finders: Finder[] = [];
  /** The cause that was told. */
  #trouble: string | null = null;

  constructor(options: PodLookupOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#pace = new ListPace(this.#random);
  }

  /** A cgroup is known as this now, complete or not; null: it is gone. */
  identified(cgroup: string, identity: Identity | null): void {
    if (identity === null || !isNameless(identity)) {
      this.#resigned.delete(cgroup);
      this.#wanted.delete(cgroup);
      if (this.#wanted.size === 0 && this.#finders.length === 0) this.#sleep();
      return;
    }
    if (this.#stopped || this.#wanted.has(cgroup) || this.#resigned.has(cgroup)) return;
    const sinceMs = this.#clock.nowMs();
    const dueMs = sinceMs + GRACE_MS;
    const inPod = identity.namespace === null && identity.podUid !== null;
    this.#wanted.set(cgroup, { sinceMs, inPod, dueMs, misses: 0 });
    this.#wakeAt(dueMs);
  }

  /**
   * Names for an incident: from what is known, else from a list that begins after this call.
   * @returns null when such a list does not have the pod; the container is null when it has the pod only. An error when
   *   there is no list, or none may be asked for so soon after one that failed, even if the pod is known without it.
   */
  async find(key: PodKey): Promise<ApiResult<FoundPod | null>> {
    const known = findPod(key, this.#options.pods);
    if (isComplete(known, key) || (key.containerId === null && key.podUid === null))
      return { ok: true, value: known };
    const refusal = this.#stopped ? stoppedError() : this.#pace.failing(this.#clock.nowMs());
    if (refusal !== null) return { ok: false, error: refusal };
    return new Promise((resolve) => {
      this.#finders.push({ key, resolve });
      this.#wakeAt(this.#clock.nowMs());
    });
  }

  /** Another API server, or another way to it: what the last one refused, or did not know, counts no more. */
  accessChanged(): void {
    if (this.#stopped) return;
    this.#pace.succeeded();
    this.#trouble = null;
    this.#resigned.clear();
    const nowMs = this.#clock.nowMs();
    for (const wanted of this.#wanted.values()) {
      wanted.misses = 0;
      wanted.dueMs = nowMs;
    }
    this.#wakeAt(this.#wishMs(nowMs));
  }

  /** The API server has answered others after trouble that was told: what it said to us before is out of date. */
  serverWorks(): void {
    if (this.#stopped) return;
    this.#outdated = this.#listing;
    this.#pace.lift();
    if (this.#pace.failing(this.#clock.nowMs()) === null) this.#trouble = null;
    this.#wakeAt(this.#wishMs(this.#clock.nowMs()));
  }

  /** Ends all waiting, that of others included. */
  stop(): void {
    this.#stopped = true;
    this.#sleep();
    this.#wanted.clear();
    this.#resigned.clear();
    this.#refuse(stoppedError());
  }

  #wakeAt(wishMs: number): void {
    // The end of a list looks at everything again.
    if (this.#listing || wishMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.#clock.nowMs();
    const atMs = Math.max(wishMs, this.#pace.earliestMs(nowMs));
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#sleep();
    const cancel = this.#clock.after(atMs - nowMs, () => {
      this.#timer = null;
      this.#look();
    });
    this.#timer = { atMs, cancel };
  }

  #sleep(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Lists if it is time to; what was missing when the timer was set may be known or gone by now. */
  #look(): void {
    const nowMs = this.#clock.nowMs();
    const wishMs = this.#wishMs(nowMs);
    if (wishMs <= nowMs && this.#pace.earliestMs(nowMs) <= nowMs) void this.#list(nowMs);
    else this.#wakeAt(wishMs);
  }

  /** When somebody wants a list. */
  #wishMs(nowMs: number): number {
    if (this.#finders.length > 0) return nowMs;
    let first = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#wanted.values()) first = Math.min(first, dueMs);
    return first;
  }

  async #list(startedMs: number): Promise<void> {
    this.#listing = true;
    this.#outdated = false;
    this.#served = this.#finders;
    this.#finders = [];
    this.#pace.began(startedMs);
    const result = await this.#options.listPods();
    this.#listing = false;
    if (this.#stopped) return;
    if (!result.ok && this.#outdated) {
      this.#finders = [...this.#served, ...this.#finders];
      this.#served = [];
      this.#wakeAt(this.#wishMs(this.#clock.nowMs()));
      return;
    }
    if (result.ok) this.#succeeded(result.value, startedMs);
    else this.#pace.failed(result.error, this.#clock.nowMs());
    if (!result.ok) this.#refuse(result.error);
    this.#tell(result.ok ? null : result.error);
    this.#wakeAt(this.#wishMs(this.#clock.nowMs()));
  }

  #succeeded(list: readonly NodePod[], startedMs: number): void {
    const { pods, onTruncated, onNoPods } = this.#options;
    this.#pace.succeeded();
    if (list.length === 0 && [...this.#wanted.values()].some(({ inPod }) => inPod)) onNoPods?.();
    // Who learns a name from it says so to `identified` before this returns.
    const rejected = pods.replaceAll(list);
    if (rejected > 0) onTruncated?.(rejected);
    this.#noteMisses(startedMs);
    for (const { key, resolve } of this.#served) resolve({ ok: true, value: findPod(key, pods) });
    this.#served = [];
    this.#finders = this.#finders.filter(({ key, resolve }) => {
      const found = findPod(key, pods);
      if (isComplete(found, key)) resolve({ ok: true, value: found });
      return !isComplete(found, key);
    });
  }

  /** What a list that began after its want did not have is looked for ever more slowly. */
  #noteMisses(startedMs: number): void {
    const nowMs = this.#clock.nowMs();
    const random = this.#random();
    for (const [cgroup, wanted] of this.#wanted) {
      if (wanted.sinceMs >= startedMs) continue;
      wanted.misses++;
      wanted.dueMs = nowMs + patienceMs(wanted.misses, random);
      if (wanted.inPod || wanted.misses < MAX_MISSES) continue;
      this.#wanted.delete(cgroup);
      this.#resigned.add(cgroup);
    }
  }

  #refuse(error: ApiError): void {
    for (const { resolve } of [...this.#served, ...this.#finders]) resolve({ ok: false, error });
    this.#served = [];
    this.#finders = [];
  }

  #tell(error: ApiError | null): void {
    const { onTrouble, onRecovered } = this.#options;
    const cause = error === null || error.kind === "unconfigured" ? null : causeOf(error);
    if (cause === this.#trouble) return;
    this.#trouble = cause;
    if (error === null) onRecovered?.();
    else if (cause !== null) onTrouble?.(error);
  }
}

/** Whether names are missing that the API server may have. What lies inside a container gets that one's. */
function isNameless({ kind, namespace, container }: Identity): boolean {
  if (kind === "other") return false;
  return namespace === null || (kind === "container" && container === null);
}

function isComplete(found: FoundPod | null, { containerId }: PodKey): boolean {
  return found !== null && (containerId === null || found.container !== null);
}

function causeOf({ kind, right }: ApiError): string {
  return `${kind} ${right?.verb} ${right?.resource}`;
}

function stoppedError(): ApiError {
  return new ApiError("unreachable", "stopped before the API server was asked");
}
