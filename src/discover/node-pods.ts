import type { NodePod } from "../kubernetes/node-pod.ts";
import type { ChangeListener } from "./container-names.ts";

/** A pod's names. */
export interface PodName {
  readonly namespace: string;
  readonly pod: string;
  /** As cgroup paths and labels on this node have it (`NodePod.nodeUid`). */
  readonly podUid: string;
}

/** A container's names. */
export interface PodContainerName extends PodName {
  readonly container: string;
}

/** Where the API server's names are looked up: `NodePods`, or anything like it. */
export interface PodDirectory {
  byContainerId(id: string): PodContainerName | undefined;
  byPodUid(uid: string): PodName | undefined;
  /** Everything that is known of the pod. */
  pod(uid: string): NodePod | undefined;
}

interface Entry {
  readonly pod: NodePod;
  readonly name: PodName;
  /** Lists in a row that did not have it. */
  absences: number;
}

/** Far more than kubelet runs (110 by default), since ended pods stay in the list: some 10 MB when full. */
const MAX_PODS = 10_000;
/**
 * A pod that left the list is kept for so many further ones: an incident about it may still be on its way, and the pod
 * is deleted when its last container is dead. Counted in lists, as only they bring new pods: what is kept is at most
 * three times what one list held, however fast pods come and go, and takes no timer.
 */
const MAX_ABSENCES = 2;

/**
 * The pods of this node that the API server last told, in memory. Uids and container ids are never used twice: what is
 * found here may be incomplete or past, but not wrong.
 */
export class NodePods implements PodDirectory {
  readonly #pods = new Map<string, Entry>();
  readonly #containers = new Map<string, PodContainerName>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #maxPods: number;

  constructor(maxPods = MAX_PODS) {
    this.#maxPods = maxPods;
  }

  byContainerId(id: string): PodContainerName | undefined {
    return this.#containers.get(id);
  }

  byPodUid(uid: string): PodName | undefined {
    return this.#pods.get(uid)?.name;
  }

  pod(uid: string): NodePod | undefined {
    return this.#pods.get(uid)?.pod;
  }

  /** How many pods are known. */
  get size(): number {
    return this.#pods.size;
  }

  /**
   * Calls the listener after a list that brought new pods or containers, with those; the result ends that. What is
   * forgotten is not told: the names that were found are as true as before.
   */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes over a fresh list of all pods of this node.
   * @returns how many did not fit.
   */
  replaceAll(pods: readonly NodePod[]): number {
    const fresh = new Set(pods.map(({ nodeUid }) => nodeUid));
    const own = new Set(pods.map(({ uid }) => uid));
    for (const entry of this.#pods.values()) {
      if (!fresh.has(entry.name.podUid) && ++entry.absences > MAX_ABSENCES) this.#drop(entry);
    }
    const podUids: string[] = [];
    const containerIds: string[] = [];
    let rejected = 0;
    for (const pod of pods) {
      if (!this.#isRightful(pod, own)) continue;
      const old = this.#pods.get(pod.nodeUid);
      if (old === undefined && !this.#makeRoom()) {
        rejected++;
        continue;
      }
      if (old?.pod.uid !== pod.uid) podUids.push(pod.nodeUid);
      containerIds.push(...this.#put(pod, old));
    }
    if (podUids.length + containerIds.length > 0) {
      for (const listener of this.#listeners) listener({ cgroups: [], containerIds, podUids });
    }
    return rejected;
  }

  /**
   * A pod's uid is the API server's word. That it stands for a static pod, under another uid, is an annotation that
   * whoever makes a pod may write: such a claim takes the uid from no other pod, be it known by it or by a claim.
   */
  #isRightful({ uid, nodeUid }: NodePod, own: ReadonlySet<string>): boolean {
    if (uid === nodeUid) return true;
    const holder = this.#pods.get(nodeUid);
    // kubelet makes the API server's copy of a static pod anew when it was deleted.
    const isCopy = holder !== undefined && holder.pod.uid !== nodeUid && !own.has(holder.pod.uid);
    return !own.has(nodeUid) && (holder === undefined || holder.pod.uid === uid || isCopy);
  }

  /** @returns the ids that are new */
  #put(pod: NodePod, old: Entry | undefined): string[] {
    const known = new Set(old?.pod.containers.flatMap(({ containerIds }) => containerIds));
    if (old !== undefined) this.#drop(old);
    const name = { namespace: pod.namespace, pod: pod.name, podUid: pod.nodeUid };
    this.#pods.set(pod.nodeUid, { pod, name, absences: 0 });
    const added: string[] = [];
    for (const container of pod.containers) {
      for (const id of container.containerIds) {
        this.#containers.set(id, { ...name, container: container.name });
        if (!known.has(id)) added.push(id);
      }
    }
    return added;
  }

  #drop({ pod, name }: Entry): void {
    this.#pods.delete(name.podUid);
    for (const { containerIds } of pod.containers) {
      for (const id of containerIds)
        if (this.#containers.get(id)?.podUid === name.podUid) this.#containers.delete(id);
    }
  }

  /** Whether there is room for one more, if need be in the place of one that left the list. */
  #makeRoom(): boolean {
    if (this.#pods.size < this.#maxPods) return true;
    for (const entry of this.#pods.values()) {
      if (entry.absences === 0) continue;
      this.#drop(entry);
      return true;
    }
    return false;
  }
}
