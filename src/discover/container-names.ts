import type { ContainerName } from "./container-name.ts";
import { MultiMap } from "./multi-map.ts";

/** What may have a different identity now. Each list may hold something whose identity did not change. */
export interface NamesChange {
  /** Where containers are and where they were. Cgroups below and above (the pod) are not listed. */
  readonly cgroups: readonly string[];
  readonly containerIds: readonly string[];
  readonly podUids: readonly string[];
}

export type ChangeListener = (change: NamesChange) => void;

/** Several times what a node runs (kubelet's default is 110 pods), exited containers included: 18 MB when full. */
const MAX_PER_NAMESPACE = 10_000;

/**
 * The names of all containers the node's runtimes know, in memory. Each (socket, runtime namespace) is a set
 * of its own, so that one runtime's fresh list replaces that runtime's names only.
 */
export class ContainerNames {
  readonly #sets = new Map<string, Map<string, ContainerName>>();
  readonly #byCgroup = new MultiMap<ContainerName>();
  readonly #byId = new MultiMap<ContainerName>();
  readonly #byPodUid = new MultiMap<ContainerName>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #maxPerNamespace: number;

  constructor(maxPerNamespace = MAX_PER_NAMESPACE) {
    this.#maxPerNamespace = maxPerNamespace;
  }

  /** Where several containers share a cgroup, id or pod, the one that was put in last answers. */
  byCgroup(path: string): ContainerName | undefined {
    return this.#byCgroup.last(path);
  }

  byContainerId(id: string): ContainerName | undefined {
    return this.#byId.last(id);
  }

  /** Some container of the pod, for the pod's own names. */
  byPodUid(uid: string): ContainerName | undefined {
    return this.#byPodUid.last(uid);
  }

  get(socket: string, runtimeNamespace: string, containerId: string): ContainerName | undefined {
    return this.#sets.get(setKey(socket, runtimeNamespace))?.get(containerId);
  }

  /** How many containers are known. */
  get size(): number {
    let size = 0;
    for (const set of this.#sets.values()) size += set.size;
    return size;
  }

  /** Calls the listener after every call that changed something; the result ends that. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds or replaces one container. Returns false when the set is full and it is a new one. */
  upsert(socket: string, name: ContainerName): boolean {
    const change = new ChangeBuilder();
    const kept = this.#put(this.#set(socket, name.runtimeNamespace), name, change);
    this.#emit(change);
    return kept;
  }

  remove(socket: string, runtimeNamespace: string, containerId: string): void {
    const change = new ChangeBuilder();
    const set = this.#sets.get(setKey(socket, runtimeNamespace));
    if (set !== undefined) this.#drop(set, containerId, change);
    this.#emit(change);
  }

  /**
   * Makes the set be exactly `names`: what is not among them is forgotten.
   * @returns how many did not fit.
   */
  replaceAll(socket: string, runtimeNamespace: string, names: readonly ContainerName[]): number {
    const change = new ChangeBuilder();
    const set = this.#set(socket, runtimeNamespace);
    const fresh = new Set(names.map((name) => name.containerId));
    for (const id of [...set.keys()]) if (!fresh.has(id)) this.#drop(set, id, change);
    let rejected = 0;
    for (const name of names) if (!this.#put(set, name, change)) rejected++;
    this.#emit(change);
    return rejected;
  }

  /** Forgets all that one runtime told, say when its socket is no longer in the configuration. */
  forgetSocket(socket: string): void {
    const change = new ChangeBuilder();
    for (const [key, set] of this.#sets) {
      if (!key.startsWith(setKey(socket, ""))) continue;
      for (const id of [...set.keys()]) this.#drop(set, id, change);
      this.#sets.delete(key);
    }
    this.#emit(change);
  }

  #set(socket: string, runtimeNamespace: string): Map<string, ContainerName> {
    const key = setKey(socket, runtimeNamespace);
    const set = this.#sets.get(key) ?? new Map<string, ContainerName>();
    this.#sets.set(key, set);
    return set;
  }

  #put(set: Map<string, ContainerName>, name: ContainerName, change: ChangeBuilder): boolean {
    const old = set.get(name.containerId);
    if (old === undefined && set.size >= this.#maxPerNamespace) return false;
    if (old !== undefined && same(old, name)) return true;
    if (old !== undefined) this.#drop(set, name.containerId, change);
    set.set(name.containerId, name);
    this.#byId.add(name.containerId, name);
    if (name.cgroup !== null) this.#byCgroup.add(name.cgroup, name);
    if (name.podUid !== null) this.#byPodUid.add(name.podUid, name);
    change.add(name);
    return true;
  }

  #drop(set: Map<string, ContainerName>, containerId: string, change: ChangeBuilder): void {
    const name = set.get(containerId);
    if (name === undefined) return;
    set.delete(containerId);
    this.#byId.delete(name.containerId, name);
    if (name.cgroup !== null) this.#byCgroup.delete(name.cgroup, name);
    if (name.podUid !== null) this.#byPodUid.delete(name.podUid, name);
    change.add(name);
  }

  #emit(change: ChangeBuilder): void {
    if (change.empty) return;
    const built = change.build();
    for (const listener of this.#listeners) listener(built);
  }
}

class ChangeBuilder {
  readonly #cgroups = new Set<string>();
  readonly #containerIds = new Set<string>();
  readonly #podUids = new Set<string>();

  add(name: ContainerName): void {
    if (name.cgroup !== null) this.#cgroups.add(name.cgroup);
    this.#containerIds.add(name.containerId);
    if (name.podUid !== null) this.#podUids.add(name.podUid);
  }

  get empty(): boolean {
    return this.#containerIds.size === 0;
  }

  build(): NamesChange {
    return {
      cgroups: [...this.#cgroups],
      containerIds: [...this.#containerIds],
      podUids: [...this.#podUids],
    };
  }
}

/** Neither a socket's path nor a namespace of containerd holds a NUL. */
function setKey(socket: string, runtimeNamespace: string): string {
  return `${socket}\0${runtimeNamespace}`;
}

function same(a: ContainerName, b: ContainerName): boolean {
  return (Object.keys(a) as (keyof ContainerName)[]).every((key) => a[key] === b[key]);
}
