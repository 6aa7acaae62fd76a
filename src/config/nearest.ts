import { distance } from "fastest-levenshtein";

/** Longer words cannot be near anything we know, and the distance of two words costs the product of their lengths. */
const LONGEST = 64;

/** The candidate with the fewest typing errors to the word; the earlier one of equals. Null only without candidates. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const short = word.slice(0, LONGEST);
  let best: string | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const errors = errorsBetween(short, candidate);
    if (errors < fewest) {
      best = candidate;
      fewest = errors;
    }
  }
  return best;
}

/** As `nearest`, but null when the word is so far off that the proposal would be noise. */
export function likely(word: string, candidates: Iterable<string>): string | null {
  const best = nearest(word, candidates);
  if (best === null) return null;
  return errorsBetween(word.slice(0, LONGEST), best) <= Math.max(2, Math.floor(best.length / 3))
    ? best
    : null;
}

/** A word cut short ("cool" for "cooldown") is one error, however much is missing. */
function errorsBetween(word: string, candidate: string): number {
  return word.length > 2 && word !== candidate && candidate.startsWith(word) ? 1 : distance(word, candidate);
}
