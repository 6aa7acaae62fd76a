import type { Incident } from "../../record/incident.ts";
import type { EventPod } from "./event.ts";
import { Pause } from "./pause.ts";
import { SERVER_CAP_MS } from "./server-health.ts";

// kubelet tells the API server of a container seconds after it has started (later when it is busy), and lists of pods
// are served from a cache: that one is not in there means something only after a while.
const POD_PATIENCE_MS = 60_000;
/** An Event without the container's name is worth having too, but begins a second one. Lists may be 10 s apart. */
const CONTAINER_PATIENCE_MS = 30_000;
/** Where there are Events, but never a list. */
const ANSWER_PATIENCE_MS = 5 * 60_000;

/** How long it has been possible to learn whose an incident is. */
export interface Waited {
  readonly wallNowMs: number;
  /** For how long there have been answers: what kubelet could not tell before, it tells now. null: there is none. */
  readonly answeredForMs: number | null;
}

/** Whether it is worth waiting to learn more about an incident than is known of its pod. */
export function mayTellMore(
  incident: Incident,
  pod: EventPod | null,
  { wallNowMs, answeredForMs }: Waited,
): boolean {
  if (pod !== null && (pod.container !== null || incident.containerId === null)) return false;
  // Both ways: a clock that was set back must not hold it for ever.
  const ageMs = Math.abs(wallNowMs - incident.timeMs);
  if (answeredForMs === null) return pod === null || ageMs < ANSWER_PATIENCE_MS;
  return Math.min(ageMs, answeredForMs) < (pod === null ? POD_PATIENCE_MS : CONTAINER_PATIENCE_MS);
}

/** When to ask again for what the lists did not have: ever more seldom, each for itself. */
export class PodLag {
  readonly #random: () => number;
  readonly #pauses = new Map<string, Pause>();

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Forgets all others. */
  keepOnly(keys: { has(key: string): boolean }): void {
    for (const key of this.#pauses.keys()) if (!keys.has(key)) this.#pauses.delete(key);
  }

  /** When it may be asked for; not after now: at once. */
  untilMs(key: string): number {
    return this.#pauses.get(key)?.untilMs ?? Number.NEGATIVE_INFINITY;
  }

  /** A list did not have it. */
  missed(key: string, nowMs: number): void {
    const pause = this.#pauses.get(key) ?? new Pause(this.#random);
    this.#pauses.set(key, pause);
    pause.failed(nowMs, SERVER_CAP_MS);
  }
}
