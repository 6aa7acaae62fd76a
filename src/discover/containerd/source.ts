import { statSync } from "node:fs";
import { backoffMs } from "../../backoff.ts";
import { ContainerdError } from "./error.ts";
import { type ContainerdSourceOptions, type ContainerdTiming, DEFAULT_TIMING } from "./options.ts";
import type { Session } from "./session.ts";

const FIRST_PAUSE_MS = 100;

/**
 * Keeps `ContainerNames` equal to what one containerd knows: subscribes to its events, lists everything,
 * follows the events, and starts again from the list whenever the connection fails. Names stay as they are
 * during an outage (the containers live on without containerd) and are replaced by the fresh list after it.
 * Nothing here throws or blocks, whatever the socket does.
 */
export class ContainerdSource {
  readonly #options: ContainerdSourceOptions;
  readonly #timing: ContainerdTiming;
  readonly #stop = new AbortController();
  /** Runtime namespaces whose overflow was reported. */
  readonly #truncated = new Set<string>();
  #running: Promise<void> | null = null;
  #session: Session | null = null;
  #outageSince: number | null = null;

  constructor(options: ContainerdSourceOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** Whether the names are complete, as far as events told. */
  get connected(): boolean {
    return this.#session?.listed === true;
  }

  /** Begins; returns at once. A second call does nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Closes everything and resolves when nothing is left that could keep the process alive. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session?.end(new ContainerdError(this.#options.socket, "lost", "stopped"));
    await this.#running;
  }

  /**
   * Lists everything anew, for what events may have missed; a list that fails ends the connection, so this is
   * also what notices a containerd that hangs. Calls while one is under way share it.
   * @returns null when the names are now complete, else why not.
   */
  async resync(): Promise<ContainerdError | null> {
    const session = this.#session;
    if (session === null) return new ContainerdError(this.#options.socket, "lost", "not connected");
    return session.resync();
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      const error = await this.#connectOnce();
      if (this.#stop.signal.aborted) return;
      this.#reportOutage(error);
      // A containerd that drops us right after each list must not be listed ten times a second.
      if (performance.now() - startedAt > this.#timing.backoffCapMs) attempt = 0;
      await sleep(
        backoffMs(attempt++, FIRST_PAUSE_MS, this.#timing.backoffCapMs, Math.random()),
        this.#stop.signal,
      );
    }
  }

  /** One connection from beginning to end. Resolves with what ended it. */
  async #connectOnce(): Promise<ContainerdError> {
    const { socket } = this.#options;
    try {
      // Asked first because the library's error for it does not say so, and it is cheap on a node without.
      statSync(socket);
      // gRPC and HTTP/2 take 30 ms and some MB: not where there is no runtime, nor before containers are armed.
      const { Session } = await import("./session.ts");
      if (this.#stop.signal.aborted) return new ContainerdError(socket, "lost", "stopped");
      const session = new Session(this.#options, this.#timing, this.#truncated, () =>
        this.#reportRecovered(),
      );
      this.#session = session;
      return await session.ended;
    } catch (error) {
      return ContainerdError.from(socket, "connect", error);
    } finally {
      this.#session = null;
    }
  }

  #reportOutage(error: ContainerdError): void {
    if (this.#outageSince !== null) return;
    this.#outageSince = performance.now();
    this.#options.callbacks?.onOutage?.(error);
  }

  #reportRecovered(): void {
    if (this.#outageSince === null || this.#stop.signal.aborted) return;
    const outageMs = performance.now() - this.#outageSince;
    this.#outageSince = null;
    this.#options.callbacks?.onRecovered?.(outageMs);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
