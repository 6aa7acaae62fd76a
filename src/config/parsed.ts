/** What a pure parser returns: the value, or what is allowed instead, as the end of a sentence ("must be …"). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };
