const NEWLINE = 10;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const SPACE = 32;
const TAB = 9;

/**
 * Picks numbers out of the kernel's "name value" and "name: value kB" texts (memory.stat, memory.oom_control,
 * /proc/PID/status) straight from the bytes: one pass, no string, no allocation.
 */
export class FieldParser {
  readonly #names: readonly Uint8Array[];

  /** @param names the fields wanted, in the order `parse` fills them. */
  constructor(names: readonly string[]) {
    this.#names = names.map((name) => new TextEncoder().encode(name));
  }

  /** Fills `values[i]` with the first number after the i-th name; NaN where the text has no such line. */
  parse(text: Uint8Array, length: number, values: Float64Array): void {
    values.fill(Number.NaN);
    for (let at = 0; at < length; at++) {
      const field = this.#fieldAt(text, at, length);
      if (field >= 0) values[field] = firstNumber(text, at + this.#names[field]!.length, length);
      while (at < length && text[at] !== NEWLINE) at++;
    }
  }

  #fieldAt(text: Uint8Array, at: number, length: number): number {
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i]!;
      const after = at + name.length;
      if (after >= length) continue;
      const follows = text[after];
      if (follows !== SPACE && follows !== COLON && follows !== TAB) continue;
      let same = 0;
      while (same < name.length && text[at + same] === name[same]) same++;
      if (same === name.length) return i;
    }
    return -1;
  }
}

function firstNumber(text: Uint8Array, from: number, length: number): number {
  let at = from;
  while (at < length && (text[at]! < ZERO || text[at]! > NINE)) {
    if (text[at] === NEWLINE) return Number.NaN;
    at++;
  }
  return decimalAt(text, at, length);
}

/** The decimal number that starts at a place in the text; NaN where no digit stands there. */
export function decimalAt(text: Uint8Array, from: number, length: number): number {
  let at = from;
  let value = 0;
  while (at < length && text[at]! >= ZERO && text[at]! <= NINE) {
    value = value * 10 + (text[at]! - ZERO);
    at++;
  }
  return at === from ? Number.NaN : value;
}

const MINUS = 45;

/** Like `decimalAt`, with a sign in front of it or none. */
export function integerAt(text: Uint8Array, from: number, length: number): number {
  return text[from] === MINUS ? -decimalAt(text, from + 1, length) : decimalAt(text, from, length);
}
