import type { ContainerName } from "../container-name.ts";
import { ContainerdConnection } from "./connection.ts";
import { ContainerdError } from "./error.ts";
import type { ContainerEvent } from "./events.ts";
import type { ContainerdSourceOptions, ContainerdTiming } from "./options.ts";
import { readNames, type TaskState, toName } from "./read-names.ts";
import { Serial } from "./serial.ts";

/**
 * One connection's work. Lists and events are applied one after the other, never interleaved: an event that
 * arrives during a list waits, and is then applied on top of it, so a list cannot undo what is newer.
 */
export class Session {
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
