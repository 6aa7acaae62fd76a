import type { TestApiServer } from "./api-server.ts";
import type { Event, Pod } from "./objects.ts";

/** A pod as the API server answered when it was made. */
export interface BornPod {
  readonly metadata: Pod["metadata"];
  readonly container: string;
}

/** How one pod of many is made and goes again. */
export interface Life {
  /** Until it is deleted. */
  readonly ms: number;
  readonly make: (name: string, container: string) => Promise<Pod["metadata"]>;
  /** Instead of deleting it at once. */
  readonly end?: (pod: BornPod) => Promise<void>;
}

const PERIOD_MS = 100;

/**
 * Makes and deletes ten pods a second under few names, so that each name belongs to one pod after the other, and keeps
 * what the API server said about every one of them. No two have a container of the same name.
 */
export class PodChurn {
  readonly born = new Map<string, BornPod>();
  readonly #api: TestApiServer;
  readonly #taken = new Set<string>();
  #serial = 0;

  constructor(api: TestApiServer) {
    this.#api = api;
  }

  /** Goes on for so long, and until the last pod is deleted. @param lifeOf what becomes of the nth */
  async run(ms: number, lifeOf: (serial: number) => Life): Promise<void> {
    const startedMs = performance.now();
    const lives: Promise<void>[] = [];
    for (let index = 0; index * PERIOD_MS < ms; index++) {
      await Bun.sleep(Math.max(0, startedMs + index * PERIOD_MS - performance.now()));
      lives.push(this.#live(lifeOf(this.#serial), this.#serial++));
    }
    await Promise.all(lives);
  }

  /**
   * Checks everything that a list of Events says about pods against what they were.
   * @returns what does not fit; empty when every Event is about a pod that there was, and a container of that pod
   */
  misattributed(events: readonly Event[]): string[] {
    return events.flatMap(({ metadata, involvedObject }) => {
      const { namespace, name, uid = "", fieldPath } = involvedObject;
      const pod = this.born.get(uid);
      const isPod = pod?.metadata.namespace === namespace && pod?.metadata.name === name;
      // None where the API server had not heard of the container yet.
      const isContainer = fieldPath === undefined || fieldPath === `spec.containers{${pod?.container}}`;
      return isPod && isContainer ? [] : [`${metadata.name}: ${JSON.stringify([involvedObject, pod])}`];
    });
  }

  async #live({ ms, make, end }: Life, serial: number): Promise<void> {
    let name = "app-0";
    for (let index = 1; this.#taken.has(name); index++) name = `app-${index}`;
    this.#taken.add(name);
    const container = `c-${serial}`;
    const pod = { metadata: await make(name, container), container };
    this.born.set(pod.metadata.uid, pod);
    await Bun.sleep(ms);
    await (end?.(pod) ?? this.#api.deletePod(pod.metadata));
    this.#taken.delete(name);
  }
}
