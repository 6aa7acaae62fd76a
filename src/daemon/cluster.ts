import { systemClock } from "../clock.ts";
import type { Config, LogLevel } from "../config/config.ts";
import { findContainer } from "../discover/find-container.ts";
import type { NameLookup } from "../discover/identify.ts";
import type { Identity } from "../discover/identity.ts";
import { NodePods } from "../discover/node-pods.ts";
import { PodLookup } from "../discover/pod-lookup.ts";
import type { ApiError, Right } from "../kubernetes/api-error.ts";
import { ApiClient } from "../kubernetes/client.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { createEvent, updateEvent } from "../kubernetes/events.ts";
import { listNodePods } from "../kubernetes/pods.ts";
import type { EventMode } from "../record/initial-event.ts";
import type { Outbox } from "../record/outbox.ts";
import type { StoreError } from "../record/store-error.ts";
import { Courier } from "../report/events/courier.ts";
import type { GivenUp } from "../report/events/ports.ts";
import type { Log } from "../report/log.ts";
import { printable } from "../report/text.ts";

const DELIVERY_POLL_MS = 20;

/** Whether what happens now gets an Event. */
export function eventMode(access: ClusterAccess): EventMode {
  if (access.isOff) return "off";
  const result = access.read();
  return result.ok || result.found ? "on" : "absent";
}

/** The cluster as the daemon deals with it: asks it whose the cgroups are, and tells it what happened to them. */
export class Cluster {
  /** The pods of this node, as far as somebody had to ask for them. */
  readonly pods = new NodePods();
  readonly #access: ClusterAccess;
  readonly #log: Log;
  readonly #lookup: PodLookup;
  readonly #courier: Courier;
  readonly #outbox: () => Outbox | null;
  /** What was said about the API server since it last worked, and the right that was missing. */
  readonly #troubles = new Map<string, Right | null>();
  /** What was said about the store. */
  readonly #storeTroubles = new Set<string>();
  /** Events may wait; settled by asking the store, which is not asked while there can be none. */
  #mayWait = true;
  #recoveredMs = Number.NEGATIVE_INFINITY;

  /**
   * @param names what the runtimes tell
   * @param outbox that of the store which is open now
   */
  constructor(access: ClusterAccess, names: NameLookup, outbox: () => Outbox | null, log: Log) {
    this.#access = access;
    this.#log = log;
    this.#outbox = outbox;
    const client = new ApiClient({ access: () => access.read() });
    this.#lookup = new PodLookup({
      listPods: () => listNodePods(client, access.nodeName()),
      pods: this.pods,
      onTrouble: (error) => this.#trouble(error),
      onRecovered: () => this.#recovered("pods", "the API server tells the names of pods again"),
      onNoPods: () =>
        log.once(
          "node-without-pods",
          "no pods",
          "warn",
          `the API server has no pod on node ${printable(access.nodeName())}, but there are pods here: is kubernetes.node_name right?`,
        ),
      onTruncated: (rejected) =>
        log.once(
          "names-truncated",
          "truncated pods",
          "warn",
          `${rejected} pods are left without names: too many`,
        ),
    });
    this.#courier = new Courier(
      {
        outbox,
        events: {
          create: (event, signal) => createEvent(client, event, signal),
          update: (namespace, name, update, signal) => updateEvent(client, namespace, name, update, signal),
        },
        pods: {
          find: async (key) => {
            const told = findContainer(key, names);
            return told === null ? this.#lookup.find(key) : { ok: true, value: told };
          },
        },
        nodeName: () => access.nodeName(),
        clock: systemClock,
        wallNow: () => Date.now(),
        random: Math.random,
      },
      {
        onTrouble: (error, startedMs) => this.#trouble(error, startedMs),
        onRecovered: (pending, outageMs) => {
          this.#recovered(
            "events",
            `the API server takes Events again, after ${Math.round(outageMs / 1000)} s; ${pending} wait to be sent`,
          );
          // It would go on to tell what was wrong before, as if it were now.
          this.#lookup.serverWorks();
        },
        onDelivered: ({ namespace, name, count }) =>
          log.debug("an Event was sent", { namespace, event: name, count }),
        onGivenUp: (givenUp) => this.#gaveUp(givenUp),
        onStoreTrouble: (error) => this.#storeTrouble(error),
        onStoreRecovered: () => this.#storeRecovered(),
      },
    );
  }

  /** Says where Events go, or why none do. */
  introduce(): void {
    const access = this.#access.read();
    if (access.ok) {
      const { server, source } = access.value;
      this.#log.info("events-on", `Events go to ${printable(server)}`, {
        node: this.#access.nodeName(),
        source,
      });
    } else if (access.found) this.#trouble(access.error);
    else if (!this.#access.isOff) this.#log.info("events-off", `no Events: ${access.error.message}`);
  }

  /** A cgroup is known as this now; null: it is gone. */
  identified(cgroup: string, identity: Identity | null): void {
    this.#lookup.identified(cgroup, identity);
  }

  /** Events not sent yet; null: the store does not tell. Costs nothing while there are none. */
  get waitingEvents(): number | null {
    if (!this.#mayWait) return 0;
    const counts = this.#courier.pending;
    if (counts === null) return null;
    const events = counts.unassigned + counts.series;
    this.#mayWait = events > 0;
    return events;
  }

  /** When the oldest incident happened whose Event is not sent yet, in milliseconds since the epoch; null: there is none. */
  get oldestWaitingMs(): number | null {
    const oldest = this.#mayWait ? this.#outbox()?.oldestMs() : undefined;
    return oldest?.ok ? oldest.value : null;
  }

  /** There may be an Event to send. */
  wake(): void {
    this.#mayWait = true;
    this.#courier.wake();
  }

  /** Sends what waits, for a command that ends. @returns how many Events are not sent by then */
  async deliver(timeoutMs: number): Promise<number> {
    const untilMs = performance.now() + timeoutMs;
    this.wake();
    const pending = () => this.#courier.pending?.incidents ?? 0;
    while (pending() > 0 && performance.now() < untilMs) await Bun.sleep(DELIVERY_POLL_MS);
    return pending();
  }

  /** Takes over another configuration. */
  reconfigure(settings: Config["kubernetes"]): void {
    if (!this.#access.configure(settings)) return;
    // The same causes are said of the other one too.
    this.#settled("debug", "another way to the API server is configured");
    this.introduce();
    this.#lookup.accessChanged();
    this.#courier.accessChanged();
  }

  /** Ends what is under way; what is pending stays in the store. */
  async stop(): Promise<void> {
    this.#lookup.stop();
    await this.#courier.stop();
  }

  /** @param startedMs when the request that failed began */
  #trouble(error: ApiError, startedMs = performance.now()): void {
    // Begun while the server was away, and given up when it had come back.
    if (startedMs < this.#recoveredMs) return;
    if (error.kind === "unconfigured" && eventMode(this.#access) !== "on") return;
    const key = `API server: ${error.kind} ${error.right?.verb} ${error.right?.resource}`;
    this.#troubles.set(key, error.right);
    const kind = error.kind === "forbidden" ? "api-right-missing" : "api-server-outage";
    this.#log.once(kind, key, "warn", `no Events and no names from the API server for now: ${error.message}`);
  }

  /** @param resource what works; the right to another may still be missing */
  #recovered(resource: string, message: string): void {
    this.#recoveredMs = performance.now();
    let level: LogLevel = "info";
    for (const [key, right] of this.#troubles) {
      if (right !== null && right.resource !== resource) continue;
      this.#troubles.delete(key);
      this.#log.resolved("api-server-recovered", key, level, message);
      // Several causes may have come one after the other; that it works again is one thing.
      level = "debug";
    }
  }

  /** What was said is over, for the reason given. */
  #settled(level: LogLevel, message: string): void {
    for (const key of this.#troubles.keys()) this.#log.resolved("api-server-recovered", key, level, message);
    this.#troubles.clear();
  }

  /** With a key of its own: that incidents are not stored is another matter, and said besides. */
  #storeTrouble({ reason, message }: StoreError): void {
    const key = `Events: store ${reason}`;
    this.#storeTroubles.add(key);
    this.#log.once("events-wait-for-store", key, "error", `Events wait for the incident store: ${message}`);
  }

  #storeRecovered(): void {
    for (const key of this.#storeTroubles)
      this.#log.resolved(
        "events-store-recovered",
        key,
        "info",
        "Events are taken from the incident store again",
      );
    this.#storeTroubles.clear();
  }

  #gaveUp({ events, reason, series }: GivenUp): void {
    if (series === null) this.#log.error("event-given-up", `${events} Events will never be sent: ${reason}`);
    else {
      const { namespace, pod, name } = series;
      this.#log.warn("event-given-up", `an Event will never be sent: ${printable(reason)}`, {
        namespace,
        pod,
        event: name,
      });
    }
  }
}
