import { connect, type Socket } from "node:net";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type ContainerEvent, eventFilters, readEvent } from "./events.ts";
import { type Container, Containers } from "./gen/containers_pb.ts";
import { Events } from "./gen/events_pb.ts";
import type { Process } from "./gen/task_pb.ts";
import { Tasks } from "./gen/tasks_pb.ts";
import { Version } from "./gen/version_pb.ts";

/** containerd's own limit for one message. */
const MAX_MESSAGE_BYTES = 16 << 20;

type OnLost = (cause: Error | undefined) => void;

/** How long one call may take, in milliseconds. */
export interface CallTimeouts {
  /** A whole list. containerd waits up to 2 s for each shim that hangs before it answers a task list. */
  readonly listMs: number;
  /** One container. */
  readonly getMs: number;
}

/**
 * One gRPC connection to a containerd socket, made on the first call and never remade: when a call fails,
 * close it and make another. Calls throw what the library throws; they end at their deadline whatever the
 * server does. There are no HTTP/2 pings: a gRPC server closes on clients that ping more than once in 5 min.
 */
export class ContainerdConnection {
  readonly #session: Http2SessionManager;
  readonly #timeouts: CallTimeouts;
  readonly #closed = new AbortController();
  #connected = false;
  readonly #containers: Client<typeof Containers>;
  readonly #tasks: Client<typeof Tasks>;
  readonly #events: Client<typeof Events>;
  readonly #version: Client<typeof Version>;

  /** @param onLost called once when the connection itself ends, whoever ended it; with the error if there is one. */
  constructor(socket: string, timeouts: CallTimeouts, onLost: OnLost = () => undefined) {
    // The name stands in the requests' authority only; the connection goes to the socket.
    const baseUrl = "http://containerd";
    this.#timeouts = timeouts;
    const createConnection = () => this.#connect(socket, onLost);
    this.#session = new Http2SessionManager(baseUrl, {}, { createConnection });
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: this.#session,
      readMaxBytes: MAX_MESSAGE_BYTES,
      // A container has many times more than what is read here.
      binaryOptions: { readUnknownFields: false },
    });
    this.#containers = createClient(Containers, transport);
    this.#tasks = createClient(Tasks, transport);
    this.#events = createClient(Events, transport);
    this.#version = createClient(Version, transport);
  }

  /** Follows what happens in the given namespaces until the connection ends, which is thrown. */
  async *events(runtimeNamespaces: readonly string[]): AsyncGenerator<ContainerEvent, void> {
    const request = { filters: eventFilters(runtimeNamespaces) };
    for await (const envelope of this.#events.subscribe(request, { signal: this.#closed.signal })) {
      const event = readEvent(envelope);
      if (event !== null && runtimeNamespaces.includes(event.runtimeNamespace)) yield event;
    }
  }

  /** All containers of a namespace, one at a time. */
  async *containers(runtimeNamespace: string): AsyncGenerator<Container, void> {
    const options = this.#options(runtimeNamespace, this.#timeouts.listMs);
    try {
      for await (const { container } of this.#containers.listStream({}, options))
        if (container) yield container;
      return;
    } catch (error) {
      // containerd before 1.3. The answer comes before any container, so nothing is yielded twice.
      if (!isCode(error, Code.Unimplemented)) throw error;
    }
    yield* (await this.#containers.list({}, options)).containers;
  }

  /** One container, or null when there is none of that id. */
  async container(runtimeNamespace: string, id: string): Promise<Container | null> {
    try {
      const options = this.#options(runtimeNamespace, this.#timeouts.getMs);
      return (await this.#containers.get({ id }, options)).container ?? null;
    } catch (error) {
      if (isCode(error, Code.NotFound) || isCode(error, Code.InvalidArgument)) return null;
      throw error;
    }
  }

  /**
   * Resolves when the server answers. Before a list, so that a server that hangs is noticed within the short
   * deadline and not taken for a shim that hangs.
   */
  async ping(runtimeNamespace: string): Promise<void> {
    await this.container(runtimeNamespace, "oom-guard-ping");
  }

  /** containerd's own version, such as "1.6.20~ds1" or "v1.7.2". Any text: print it escaped. */
  async version(): Promise<string> {
    const options = { timeoutMs: this.#timeouts.getMs, signal: this.#closed.signal };
    return (await this.#version.version({}, options)).version;
  }

  /** The tasks of a namespace by container id, or null when the list does not come in time (a shim hangs). */
  async tasks(runtimeNamespace: string): Promise<Map<string, Process> | null> {
    try {
      const { tasks } = await this.#tasks.list({}, this.#options(runtimeNamespace, this.#timeouts.listMs));
      return new Map(tasks.map((task) => [task.containerId || task.id, task]));
    } catch (error) {
      if (isCode(error, Code.DeadlineExceeded)) return null;
      throw error;
    }
  }

  /** Ends every call under way and the connection itself. */
  close(): void {
    this.#closed.abort();
    this.#session.abort();
  }

  /**
   * The library connects anew by itself when a call finds the connection closed, and an open event stream may
   * hear nothing of that: Bun 1.4.5 leaves it silent when the server closes in good order. So the socket is
   * watched, and a second one is refused.
   */
  #connect(socket: string, onLost: OnLost): Socket {
    const connection = connect(socket);
    if (this.#connected) return connection.destroy(new Error("the connection was closed"));
    this.#connected = true;
    let cause: Error | undefined;
    connection.once("error", (error) => {
      cause = error;
    });
    connection.once("close", () => onLost(cause));
    return connection;
  }

  #options(runtimeNamespace: string, timeoutMs: number) {
    return { headers: { "containerd-namespace": runtimeNamespace }, timeoutMs, signal: this.#closed.signal };
  }
}

function isCode(error: unknown, code: Code): boolean {
  return error instanceof ConnectError && error.code === code;
}
