import { percentile, ratioAt } from "./statistics.ts";

/** What the machine adds to every time in a table: one reference, measured twice in turns, against itself. */
export function noiseNote(what: string, once: readonly number[], again: readonly number[]): string {
  const differs = (name: string, share: number) => {
    const millis = [once, again].map((values) => percentile(values, share).toFixed(2));
    return `${name} ${millis.join(" and ")} ms (x ${ratioAt(share, again, once).toFixed(2)})`;
  };
  return `Noise of the machine, the ${what} against itself: ${differs("median", 0.5)}, ${differs("p99", 0.99)}.`;
}
