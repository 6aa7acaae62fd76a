import type { Config } from "../config/config.ts";
import type { ContainerdCallbacks, ContainerdSourceOptions } from "../discover/containerd/options.ts";
import { ContainerdSource } from "../discover/containerd/source.ts";
import type { Log } from "../report/log.ts";

// With rules that go by name, a container that was there before us is armed when its name is known, or after this.
const NAMES_WAIT_MS = 2000;

/** The container runtimes of the node: where names come from, and what is said when they do not. */
export class Runtimes {
  readonly #sources: readonly ContainerdSource[];
  readonly #log: Log;

  /** @param node where the names go, and where cgroups and processes are looked up */
  constructor(
    { sockets, namespaces }: Config["runtime"],
    node: Pick<ContainerdSourceOptions, "names" | "procRoot" | "hierarchy">,
    log: Log,
  ) {
    this.#log = log;
    this.#sources = sockets.map(
      (socket) =>
        new ContainerdSource({ ...node, socket, namespaces, callbacks: sayWhatHappens(socket, log) }),
    );
  }

  /** Begins; returns at once. */
  start(): void {
    for (const source of this.#sources) source.start();
  }

  /** Resolves when all runtimes have told their names, at the latest after two seconds; says when none has. */
  async waitForNames(): Promise<void> {
    const until = performance.now() + NAMES_WAIT_MS;
    while (performance.now() < until && this.#sources.some((source) => !source.connected))
      await Bun.sleep(10);
    if (this.#sources.some((source) => source.connected)) return;
    this.#log.warn(
      "rules-without-names",
      "rules go by name, but no runtime has told any name yet: until then such rules match nothing",
    );
  }

  /** Has everything listed anew, for what events may have missed; returns at once. */
  resync(): void {
    for (const source of this.#sources) void source.resync();
  }

  /** Resolves when all connections are closed. Never rejects. */
  async stop(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop()));
  }
}

function sayWhatHappens(socket: string, log: Log): ContainerdCallbacks {
  const key = `containerd ${socket}`;
  return {
    // A node has one runtime, the defaults name two: a socket that is not there is no reason to worry.
    onOutage: (error) =>
      log.once(
        "runtime-outage",
        key,
        error.reason === "absent" ? "info" : "warn",
        `no container names: ${error.message}`,
      ),
    onRecovered: (outageMs) =>
      log.resolved(
        "runtime-recovered",
        key,
        "info",
        `container names from ${socket} again, after ${Math.round(outageMs)} ms`,
      ),
    onTruncated: (namespace, rejected) =>
      log.once(
        "names-truncated",
        `truncated ${socket} ${namespace}`,
        "warn",
        `${rejected} containers of ${namespace} are left without names: too many`,
      ),
  };
}
