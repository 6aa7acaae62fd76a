/**
 * The value below or at which a share of a series lies, by nearest rank: always one that was measured.
 * @param share 0.5 is the median, 1 the worst @returns NaN for an empty series
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** @returns NaN for an empty series */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The largest: of what is measured here less is better. @returns NaN for an empty series */
export function worst(values: readonly number[]): number {
  return percentile(values, 1);
}

/** How many times a percentile of one series is that of another. @returns NaN when one is empty */
export function ratioAt(share: number, values: readonly number[], reference: readonly number[]): number {
  return percentile(values, share) / percentile(reference, share);
}

/** What each measurement is above the one it was paired with. */
export function pairedDifferences(values: readonly number[], reference: readonly number[]): number[] {
  return values.map((value, i) => value - reference[i]!);
}

/** A straight line through points, by least squares. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
  /** The share of the variance that it explains; 1: all points are on it. */
  readonly rSquared: number;
}

/** @param points pairs of x and y, of at least two different x */
export function fitLine(points: readonly (readonly [number, number])[]): Line {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const meanX = mean(([x]) => x);
  const meanY = mean(([, y]) => y);
  const varianceX = mean(([x]) => (x - meanX) ** 2);
  const varianceY = mean(([, y]) => (y - meanY) ** 2);
  const covariance = mean(([x, y]) => (x - meanX) * (y - meanY));
  const slope = covariance / varianceX;
  const rSquared = varianceY === 0 ? 1 : covariance ** 2 / (varianceX * varianceY);
  return { slope, intercept: meanY - slope * meanX, rSquared };
}
