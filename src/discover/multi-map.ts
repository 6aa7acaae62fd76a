/** A map from a key to the values added under it, in the order they were added. */
export class MultiMap<V> {
  readonly #values = new Map<string, V[]>();

  add(key: string, value: V): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  /** Removes one value, compared by identity. */
  delete(key: string, value: V): void {
    const values = this.#values.get(key);
    const at = values?.indexOf(value) ?? -1;
    if (values === undefined || at < 0) return;
    values.splice(at, 1);
    if (values.length === 0) this.#values.delete(key);
  }

  /** The value added last. */
  last(key: string): V | undefined {
    return this.#values.get(key)?.at(-1);
  }
}
