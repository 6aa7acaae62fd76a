import { ApiError, type ApiErrorKind, type ApiResult } from "../../../../src/kubernetes/api-error.ts";
import type { CoreEvent, EventUpdate } from "../../../../src/kubernetes/core-event.ts";
import type { EventApi } from "../../../../src/report/events/ports.ts";

/** One request as the server saw it, or did not. */
export interface Request {
  readonly verb: "POST" | "PATCH";
  readonly name: string;
  readonly pod: string;
  readonly count: number;
  readonly message: string;
  readonly atMs: number;
}

/** What becomes of a request: it is answered; it never arrives; it is done, and the answer gets lost; it hangs. */
export type Fate = "answer" | "hang" | { readonly before: ApiErrorKind } | { readonly after: ApiErrorKind };

/** As much of an API server as Events need. */
export class FakeServer implements EventApi {
  readonly events = new Map<string, CoreEvent>();
  readonly requests: Request[] = [];
  /** How often an Event of this name was made. */
  readonly made = new Map<string, number>();
  fateOf: (request: Request) => Fate = () => "answer";
  retryAfterMs: number | undefined;
  mostAtOnce = 0;
  /** Two requests of one pod were under way at once. */
  overlapped = false;
  /** Each answer waits for this. */
  latency: () => Promise<void> = () => Promise.resolve();
  readonly #now: () => number;
  readonly #underWay: string[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  create(event: CoreEvent, signal: AbortSignal): Promise<ApiResult<unknown>> {
    const { namespace, name } = event.metadata;
    const key = `${namespace}/${name}`;
    return this.#ask("POST", key, event.involvedObject.name, event, signal, () => {
      if (this.events.has(key)) return "conflict";
      this.events.set(key, event);
      this.made.set(key, (this.made.get(key) ?? 0) + 1);
      return null;
    });
  }

  update(namespace: string, name: string, update: EventUpdate, signal: AbortSignal) {
    const key = `${namespace}/${name}`;
    const pod = name.split(".")[0] ?? "";
    return this.#ask("PATCH", key, pod, update, signal, () => {
      const event = this.events.get(key);
      if (event === undefined) return "not-found";
      this.events.set(key, { ...event, ...update });
      return null;
    });
  }

  /** `pod:count` of all Events, sorted. */
  get counts(): string[] {
    return [...this.events.values()]
      .map(({ involvedObject, count }) => `${involvedObject.name}:${count}`)
      .sort();
  }

  /** What was asked since the last call. */
  take(): string[] {
    return this.requests.splice(0).map(({ verb, pod, count }) => `${verb} ${pod}:${count}`);
  }

  async #ask(
    verb: Request["verb"],
    name: string,
    pod: string,
    { count, message }: EventUpdate,
    signal: AbortSignal,
    act: () => ApiErrorKind | null,
  ): Promise<ApiResult<unknown>> {
    const request = { verb, name, pod, count, message, atMs: this.#now() };
    this.requests.push(request);
    this.overlapped ||= this.#underWay.includes(pod);
    this.#underWay.push(pod);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay.length);
    try {
      const fate = this.fateOf(request);
      await this.latency();
      if (fate === "hang") return await aborted(signal);
      if (fate !== "answer" && "before" in fate) return this.#error(fate.before);
      const refusal = act();
      if (fate !== "answer") return this.#error(fate.after);
      return refusal === null ? { ok: true, value: null } : this.#error(refusal);
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(pod), 1);
    }
  }

  #error(kind: ApiErrorKind): ApiResult<never> {
    const details = this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs };
    return { ok: false, error: new ApiError(kind, `told to be ${kind}`, details) };
  }
}

function aborted(signal: AbortSignal): Promise<ApiResult<never>> {
  return new Promise((resolve) => {
    const error = new ApiError("timeout", "aborted");
    signal.addEventListener("abort", () => resolve({ ok: false, error }));
  });
}
