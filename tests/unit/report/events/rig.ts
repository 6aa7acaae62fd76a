import { rmSync } from "node:fs";
import type { PodKey } from "../../../../src/discover/find-pod.ts";
import { ApiError, type ApiErrorKind, type ApiResult } from "../../../../src/kubernetes/api-error.ts";
import type { Incident } from "../../../../src/record/incident.ts";
import { IncidentStore, type StoreOptions } from "../../../../src/record/store.ts";
import { Courier } from "../../../../src/report/events/courier.ts";
import type { ResolvedPod } from "../../../../src/report/events/ports.ts";
import { FakeClock, settled } from "../../../support/fake-clock.ts";
import { incident } from "../../record/incidents.ts";
import { scratch } from "../../record/tiny-disk.ts";
import { FakeServer } from "./fake-server.ts";

const never = () => new Promise<never>(() => undefined);
const pending = { state: "pending", attempts: 0, name: null, reason: null } as const;

/** A courier between a store on disk and a server in memory. */
export class Rig implements Disposable {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(() => this.clock.nowMs());
  readonly told: string[] = [];
  readonly asked: PodKey[] = [];
  /** What the list of pods answers. */
  resolve: (key: PodKey) => ResolvedPod | null | ApiErrorKind = () => null;
  /** What the list of pods asks for when it fails. */
  resolveAfterMs = 0;
  /** Each answer about pods waits for this. */
  find: () => Promise<void> = () => Promise.resolve();
  random = () => 0;
  store: IncidentStore;
  courier: Courier;
  /** Is a store open at all? */
  hasStore = true;
  readonly #dir = scratch();
  readonly #options: StoreOptions;
  #sequence = 0;
  #life = 0;

  constructor(options: StoreOptions = {}) {
    this.#options = options;
    this.store = this.#open();
    this.courier = this.#courier();
  }

  get path(): string {
    return this.#dir.path;
  }

  /** Stores incidents of these pods and wakes the courier. @returns the ids */
  add(pods: readonly string[], changes: Partial<Incident> = {}): string[] {
    const ids = pods.map((pod) => {
      const id = `i${String(++this.#sequence).padStart(6, "0")}`;
      const known = { pod, podUid: `uid-of-${pod}`, containerId: `container-of-${pod}` };
      const stored = this.store.insert(
        incident({ id, timeMs: this.clock.wall, event: pending, ...known, ...changes }),
      );
      if (!stored.ok) throw stored.error;
      return id;
    });
    this.courier.wake();
    return ids;
  }

  /** Stores incidents of these pods, and lets happen what takes no time. */
  async happen(pods: readonly string[], changes: Partial<Incident> = {}): Promise<string[]> {
    const ids = this.add(pods, changes);
    await settled();
    return ids;
  }

  /** The process dies and starts anew: what was under way never comes back. */
  crash(): void {
    this.clock.clear();
    this.store.close();
    this.store = this.#open();
    this.courier = this.#courier();
    this.courier.wake();
  }

  /** The store breaks and is opened again, under the same courier. @param afresh its file was corrupt */
  reopen(afresh = false): void {
    this.store.close();
    if (afresh)
      for (const suffix of ["", "-wal", "-shm"])
        rmSync(`${this.path}/incidents.db${suffix}`, { force: true });
    this.store = this.#open();
  }

  get incidents(): readonly Incident[] {
    const found = this.store.recent();
    if (!found.ok) throw found.error;
    return found.value.incidents.toReversed();
  }

  /** The states of all incidents, oldest first. */
  get states(): string[] {
    return this.incidents.map(({ event }) => event.reason ?? event.state);
  }

  [Symbol.dispose](): void {
    this.store.close();
    this.#dir[Symbol.dispose]();
  }

  #open(): IncidentStore {
    const opened = IncidentStore.open(this.#dir.path, this.#options);
    if (!opened.ok) throw opened.error;
    return opened.value;
  }

  #courier(): Courier {
    const { clock } = this;
    const life = ++this.#life;
    const lives = () => life === this.#life;
    const tell = (line: string) => lives() && this.told.push(line);
    let own = this.store;
    return new Courier(
      {
        outbox: () => {
          // A process that died keeps the store it had: closed.
          if (lives()) own = this.store;
          return this.hasStore ? own.outbox : null;
        },
        events: {
          create: (event, signal) => (lives() ? this.server.create(event, signal) : never()),
          update: (...request) => (lives() ? this.server.update(...request) : never()),
        },
        pods: {
          find: async (key) => {
            this.asked.push(key);
            await this.find();
            return this.#find(key);
          },
        },
        nodeName: () => "node-1",
        clock: {
          nowMs: () => clock.nowMs(),
          after: (ms, run) => (lives() ? clock.after(ms, run) : () => undefined),
        },
        wallNow: () => clock.wall,
        random: () => this.random(),
      },
      {
        onTrouble: ({ kind }) => tell(`trouble ${kind}`),
        onRecovered: (count, outageMs) => tell(`recovered ${count} after ${outageMs}`),
        onDelivered: () => undefined,
        onGivenUp: ({ events, reason, series }) =>
          tell(`gave up ${events} of ${series?.pod ?? "any"}: ${reason}`),
        onStoreTrouble: ({ reason }) => tell(`store ${reason}`),
        onStoreRecovered: () => tell("store works"),
      },
    );
  }

  #find(key: PodKey): ApiResult<ResolvedPod | null> {
    const found = this.resolve(key);
    return typeof found === "string"
      ? {
          ok: false,
          error: new ApiError(found, `told to be ${found}`, { retryAfterMs: this.resolveAfterMs }),
        }
      : { ok: true, value: found };
  }
}
