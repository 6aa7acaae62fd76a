import type { Held, HeldMemory } from "../cgroup/held.ts";

/** Remembers what was set in a scratch cgroup, which does not outlive this process either. */
export class ScratchMemory implements HeldMemory {
  readonly #held = new Map<string, Held>();

  get all(): Held[] {
    return [...this.#held.values()];
  }

  of(cgroup: string): Held | undefined {
    return this.#held.get(cgroup);
  }

  note(held: Held): void {
    this.#held.set(held.cgroup, held);
  }

  forget(cgroup: string): void {
    this.#held.delete(cgroup);
  }
}
