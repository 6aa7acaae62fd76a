/** The places in the sentinel's table. One is given again only when the sentinel has ended what was in it. */
export class Slots {
  readonly #free: number[] = [];
  readonly #cgroups = new Map<number, string>();
  #next = 1;

  /** How many are taken. */
  get count(): number {
    return this.#cgroups.size;
  }

  /** The cgroup in a slot; undefined when it has left it. */
  cgroupAt(slot: number): string | undefined {
    return this.#cgroups.get(slot);
  }

  /** A slot for this cgroup. */
  take(cgroup: string): number {
    const slot = this.#free.pop() ?? this.#next++;
    this.#cgroups.set(slot, cgroup);
    return slot;
  }

  /** Its cgroup is watched no more; the sentinel has yet to say so. */
  leave(slot: number): void {
    this.#cgroups.delete(slot);
  }

  /** The sentinel has ended the watch. */
  free(slot: number): void {
    this.#free.push(slot);
  }
}
