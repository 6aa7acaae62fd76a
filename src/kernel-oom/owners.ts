import type { Identity } from "../discover/identity.ts";
import { TurnoverMap } from "../turnover-map.ts";

const REMEMBERED_MS = 300_000;
const MAX_DEPARTED = 1000;

interface Departed {
  readonly identity: Identity;
  readonly atMs: number;
}

/** Whose a cgroup is, and which cgroup is its container's. */
export interface Owner {
  readonly identity: Identity;
  /** The container's cgroup, or the sandbox's; null: it is in no container. */
  readonly container: string | null;
}

/**
 * Whose the cgroups are and, for five minutes, whose those were that are gone: by the time the kernel's log has told of
 * a kill the runtime may have removed the container's cgroup, and forgotten the container.
 */
export class Owners {
  readonly #identify: (cgroup: string) => Identity;
  readonly #living = new TurnoverMap<string, Identity>();
  readonly #departed = new TurnoverMap<string, Departed>();

  /** @param identify by what paths and names tell now */
  constructor(identify: (cgroup: string) => Identity) {
    this.#identify = identify;
  }

  /** A cgroup is known as this now; null: it is gone. */
  identified(cgroup: string, identity: Identity | null, nowMs: number): void {
    const known = this.#living.get(cgroup);
    if (identity !== null) {
      // Its names may go before it does: what was known of it once still holds.
      if (known === undefined || facts(identity) >= facts(known)) this.#living.set(cgroup, identity);
      return;
    }
    this.#living.delete(cgroup);
    if (known === undefined) return;
    this.#departed.delete(cgroup);
    this.#departed.set(cgroup, { identity: known, atMs: nowMs });
    for (const [oldest, { atMs }] of this.#departed) {
      if (this.#departed.size <= MAX_DEPARTED && nowMs - atMs <= REMEMBERED_MS) break;
      this.#departed.delete(oldest);
    }
  }

  /** Those that are there. */
  cgroups(): Iterable<string> {
    return this.#living.keys();
  }

  /** The owner of a cgroup, also of one that was never seen, below others that were. */
  of(cgroup: string, nowMs: number): Owner {
    let identity = this.#best(cgroup, nowMs);
    let container: string | null = null;
    for (let path = cgroup; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
      const above = this.#best(path, nowMs);
      if (above.kind === "container" || above.kind === "sandbox") container ??= path;
      identity = inherit(identity, above);
    }
    return { identity, container };
  }

  #best(cgroup: string, nowMs: number): Identity {
    const departed = this.#departed.get(cgroup);
    const isRecent = departed !== undefined && nowMs - departed.atMs <= REMEMBERED_MS;
    const known = this.#living.get(cgroup) ?? (isRecent ? departed.identity : undefined);
    const told = this.#identify(cgroup);
    return known !== undefined && facts(known) > facts(told) ? known : told;
  }
}

/** How much is known. */
function facts({ namespace, pod, podUid, container, containerId }: Identity): number {
  return [namespace, pod, podUid, container, containerId].filter((fact) => fact !== null).length;
}

/** What holds for a cgroup holds for those in it. */
function inherit(own: Identity, above: Identity): Identity {
  if (own.podUid !== null && above.podUid !== null && own.podUid !== above.podUid) return own;
  const isInside = own.containerId === null || own.containerId === above.containerId;
  return {
    kind: own.kind,
    namespace: own.namespace ?? above.namespace,
    pod: own.pod ?? above.pod,
    podUid: own.podUid ?? above.podUid,
    container: own.container ?? (isInside ? above.container : null),
    containerId: own.containerId ?? above.containerId,
    qos: own.qos ?? above.qos,
  };
}
