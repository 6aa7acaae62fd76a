import { statSync } from "node:fs";
import type { ContainerName } from "../container-name.ts";
import type { ContainerNames } from "../container-names.ts";
import { backoffMs } from "./backoff.ts";
import { type CallTimeouts, ContainerdConnection } from "./connection.ts";
import { ContainerdError } from "./error.ts";
import type { ContainerEvent } from "./events.ts";
import { type ProcView, readNames, type TaskState, toName } from "./read-names.ts";
import { Serial } from "./serial.ts";

export interface ContainerdSourceOptions extends ProcView {
  readonly socket: string;
  /** containerd's namespaces to follow; not Kubernetes'. */
  readonly namespaces: readonly string[];
  /** Where the names go. */
  readonly names: ContainerNames;
  readonly callbacks?: ContainerdCallbacks;
  readonly timing?: Partial<ContainerdTiming>;
}

/** None of them is called after `stop()` has resolved. They must not throw. */
export interface ContainerdCallbacks {
  /** Once per outage, however many attempts fail after it; also when the socket is absent from the start. */
  onOutage?(error: ContainerdError): void;
  /** Once per reported outage, when the names are complete again. */
  onRecovered?(outageMs: number): void;
  /** The runtime has more containers in this namespace than are kept. Once until they fit again. */
  onTruncated?(runtimeNamespace: string, rejected: number): void;
}

/** Milliseconds. */
export interface ContainerdTiming extends CallTimeouts {
  /** The longest wait between two attempts to connect. */
  readonly backoffCapMs: number;
  /** When to list once more after the first list of a connection. */
  readonly settleMs: number;
}

const DEFAULT_TIMING: ContainerdTiming = {
  listMs: 15_000,
  getMs: 5_000,
  backoffCapMs: 5_000,
  settleMs: 1_000,
};

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
      await sleep(backoffMs(attempt++, this.#timing.backoffCapMs, Math.random()), this.#stop.signal);
    }
  }

  /** One connection from beginning to end. Resolves with what ended it. */
  async #connectOnce(): Promise<ContainerdError> {
    const { socket } = this.#options;
    try {
      // Asked first because the library's error for it does not say so, and it is cheap on a node without.
      statSync(socket);
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

/**
 * One connection's work. Lists and events are applied one after the other, never interleaved: an event that
 * arrives during a list waits, and is then applied on top of it, so a list cannot undo what is newer.
 */
class Session {
  readonly ended: Promise<ContainerdError>;
  listed = false;
  readonly #options: ContainerdSourceOptions;
  readonly #connection: ContainerdConnection;
  readonly #serial = new Serial();
  readonly #truncated: Set<string>;
  #resolveEnded: (error: ContainerdError) => void = () => undefined;
  #resync: Promise<ContainerdError | null> | null = null;
  #over = false;
  #settle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    options: ContainerdSourceOptions,
    timing: ContainerdTiming,
    truncated: Set<string>,
    onListed: () => void,
  ) {
    this.#options = options;
    this.#truncated = truncated;
    this.#connection = new ContainerdConnection(options.socket, timing, (cause) => {
      const closed = new ContainerdError(options.socket, "lost", "the connection was closed");
      this.end(cause === undefined ? closed : ContainerdError.from(options.socket, "connect", cause));
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    void this.#follow();
    void this.resync().then((error) => {
      if (error !== null || this.#over) return;
      this.listed = true;
      // containerd does not acknowledge a subscription: it may begin a moment after the list was made, and what
      // happened in between is in neither. The second list has it.
      this.#settle = setTimeout(() => void this.resync(), timing.settleMs);
      onListed();
    });
  }

  end(error: ContainerdError): void {
    if (this.#over) return;
    this.#over = true;
    this.listed = false;
    clearTimeout(this.#settle);
    this.#connection.close();
    this.#resolveEnded(error);
  }

  resync(): Promise<ContainerdError | null> {
    this.#resync ??= this.#serial
      .run(() => this.#listAll())
      .finally(() => {
        this.#resync = null;
      });
    return this.#resync;
  }

  async #listAll(): Promise<ContainerdError | null> {
    const { socket, namespaces, names } = this.#options;
    for (const namespace of namespaces) {
      try {
        const fresh = await readNames(this.#connection, namespace, this.#options);
        if (this.#over) return new ContainerdError(socket, "lost", "connection closed during a list");
        this.#noteRejected(namespace, names.replaceAll(socket, namespace, fresh));
      } catch (cause) {
        const error = ContainerdError.from(socket, `list containers of ${namespace}`, cause);
        this.end(error);
        return error;
      }
    }
    return null;
  }

  async #follow(): Promise<void> {
    const { socket, namespaces } = this.#options;
    try {
      for await (const event of this.#connection.events(namespaces)) {
        await this.#serial.run(() => this.#apply(event));
      }
      this.end(new ContainerdError(socket, "lost", "the event stream ended"));
    } catch (cause) {
      this.end(ContainerdError.from(socket, "follow events", cause));
    }
  }

  async #apply(event: ContainerEvent): Promise<void> {
    const { socket, names } = this.#options;
    const { runtimeNamespace, containerId } = event;
    const known = names.get(socket, runtimeNamespace, containerId);
    switch (event.type) {
      case "running":
        // Each start is two events, and the list may have been there before both.
        if (known?.initPid === event.pid && known.cgroup !== null) return;
        return this.#refresh(runtimeNamespace, containerId, { pid: event.pid });
      case "relabelled":
        return this.#refresh(runtimeNamespace, containerId, taskOf(known));
      case "stopped":
        // A late event of an earlier task of the same container says nothing about the present one.
        if (known === undefined || (known.initPid !== null && known.initPid !== event.pid)) return;
        names.upsert(socket, { ...known, cgroup: null, initPid: null });
        return;
      case "deleted":
        names.remove(socket, runtimeNamespace, containerId);
    }
  }

  async #refresh(runtimeNamespace: string, containerId: string, task: TaskState): Promise<void> {
    const { socket, names } = this.#options;
    const container = await this.#connection.container(runtimeNamespace, containerId);
    if (this.#over) return;
    const name = container && toName(container, runtimeNamespace, task, this.#options);
    if (name === null) names.remove(socket, runtimeNamespace, containerId);
    else if (!names.upsert(socket, name)) this.#noteRejected(runtimeNamespace, 1);
  }

  #noteRejected(runtimeNamespace: string, rejected: number): void {
    if (rejected === 0) {
      this.#truncated.delete(runtimeNamespace);
    } else if (!this.#truncated.has(runtimeNamespace)) {
      this.#truncated.add(runtimeNamespace);
      this.#options.callbacks?.onTruncated?.(runtimeNamespace, rejected);
    }
  }
}

function taskOf(known: ContainerName | undefined): TaskState {
  if (known === undefined || known.cgroup === null) return "none";
  return known.initPid === null ? "unknown" : { pid: known.initPid };
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
