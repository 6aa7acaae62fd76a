import type { Arena } from "./arena.ts";
import { crossingNs } from "./crossing.ts";
import type { LeakRun } from "./leak.ts";

/** How long a leak lived from crossing the threshold to its last page, in ms; null: it did not come that far. */
export function livedMillis({ stampsNs, baseBytes }: LeakRun, { thresholdBytes }: Arena): number | null {
  const crossed = crossingNs(stampsNs, baseBytes, thresholdBytes);
  if (crossed === null) return null;
  const last = Math.max(...stampsNs.map((stamps) => stamps.at(-1) ?? 0));
  return (last - crossed) / 1e6;
}
