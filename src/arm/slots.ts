/**
 * The places in the sentinel's table. None is given twice: so the sentinel need not say when it has ended what was in one,
 * and what still comes from there is nobody's.
 */
export class Slots {
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
    const slot = this.#next++;
    this.#cgroups.set(slot, cgroup);
    return slot;
  }

  /** Its cgroup is watched no more. */
  leave(slot: number): void {
    this.#cgroups.delete(slot);
  }
}
