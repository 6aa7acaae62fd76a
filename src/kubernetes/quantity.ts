const MULTIPLIERS: Readonly<Record<string, readonly [base: bigint, exponent: number]>> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  "": [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

/** Kubernetes writes quantities in their shortest form; what is longer was not written by it. */
const MAX_LENGTH = 64;

/** Larger values are cut to this one, by Kubernetes too. */
const LARGEST = 2n ** 63n - 1n;

/**
 * Bytes of a `resource.Quantity` ("1Gi", "1.5G", "129e6", "100m"), rounded up to whole ones as Kubernetes does.
 * Null if it is not a quantity, or a negative one: no memory is that.
 */
export function parseQuantity(text: string): number | null {
  if (text.length > MAX_LENGTH) return null;
  const match = /^\+?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE])?)$/.exec(text);
  if (match === null) return null;
  const [, whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole === "" && fraction === "") return null;
  const multiplier = exponent === undefined ? MULTIPLIERS[suffix] : ([10n, Number(exponent)] as const);
  if (multiplier === undefined) return null;
  // In integers: 1.1Gi is no number that floating point has.
  const [base, power] = multiplier;
  let numerator = BigInt(whole + fraction);
  let denominator = 10n ** BigInt(fraction.length);
  if (power >= 0) numerator *= base ** BigInt(power);
  else denominator *= base ** BigInt(-power);
  const bytes = (numerator + denominator - 1n) / denominator;
  return Number(bytes > LARGEST ? LARGEST : bytes);
}
