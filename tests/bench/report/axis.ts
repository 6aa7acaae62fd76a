/** Where values lie on an axis. */
export interface Axis {
  readonly ticks: readonly number[];
  /** 0 at its beginning, 1 at its end. */
  place(value: number): number;
}

const WANTED_TICKS = 5;
/** A logarithmic axis goes no further down: what is zero or less has to be somewhere. */
const DECADES_AT_MOST = 4;

/** An axis that has all of the values; NaN is none. A linear one begins at zero, or below. */
export function axisOf(values: readonly number[], scale: "linear" | "log"): Axis {
  const known = values.filter((value) => !Number.isNaN(value));
  return scale === "linear" ? linear(known) : logarithmic(known);
}

function linear(values: readonly number[]): Axis {
  const low = Math.min(0, ...values);
  const high = Math.max(low, ...values);
  const step = roundStep((high - low || 1) / WANTED_TICKS);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
    place: (value) => (value - first * step) / ((last - first) * step),
  };
}

function logarithmic(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const decade = (value: number) => Math.log10(positive.length === 0 ? 1 : value);
  const last = Math.ceil(decade(Math.max(...positive)));
  const lowest = Math.floor(decade(Math.min(...positive)));
  const first = Math.min(last - 1, Math.max(last - DECADES_AT_MOST, lowest));
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
    place: (value) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first),
  };
}

/** 1, 2 or 5 times a power of ten, at least so large. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= least * 0.999) ?? 10 * power;
}
