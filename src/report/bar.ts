import { type Look, type Paint, paint } from "./style.ts";

/** What a bar shows: usage against limit, how much of it is reclaimable, and where the guard acts. */
export interface BarFacts {
  readonly usageBytes: number;
  readonly reclaimableBytes: number;
  readonly thresholdBytes: number;
  readonly limitBytes: number;
}

const UNICODE = { used: "█", reclaimable: "▒", free: "·", threshold: "│" };
const ASCII = { used: "#", reclaimable: "~", free: ".", threshold: "|" };

/**
 * A bar of exactly `width` cells (at least 4): used, reclaimable at its end, free; the threshold's mark has a cell of
 * its own. The cells before the mark stand for the memory below the threshold and those after it for the margin,
 * because a margin of 2% is less than a cell: so the bar touches its mark when usage reached it, and not before.
 */
export function bar(facts: BarFacts, width: number, color: Paint | null, look: Look): string {
  const glyphs = look.unicode ? UNICODE : ASCII;
  const share = facts.limitBytes > 0 ? facts.thresholdBytes / facts.limitBytes : 1;
  const before = clamp(Math.round(share * (width - 1)), 1, width - 2);
  const cells = (bytes: number) => cellsFilled(bytes, facts, before, width - 1 - before);

  const filled = cells(facts.usageBytes);
  const solid = Math.min(filled, cells(facts.usageBytes - facts.reclaimableBytes));
  const text =
    glyphs.used.repeat(solid) +
    glyphs.reclaimable.repeat(filled - solid) +
    glyphs.free.repeat(width - 1 - filled);
  const usedPart = (from: number, to: number) => {
    const end = clamp(filled, from, to);
    return paint(text.slice(from, end), end > from ? color : null, look) + text.slice(end, to);
  };
  return usedPart(0, before) + glyphs.threshold + usedPart(before, width - 1);
}

/** What the glyphs of a bar mean, in one short line. */
export function legend(look: Look): string {
  const { used, reclaimable, threshold } = look.unicode ? UNICODE : ASCII;
  return `${used} used  ${reclaimable} reclaimable cache  ${threshold} threshold`;
}

function cellsFilled(bytes: number, facts: BarFacts, before: number, after: number): number {
  if (bytes <= 0) return 0;
  if (bytes < facts.thresholdBytes) return Math.floor((bytes / facts.thresholdBytes) * before);
  const margin = facts.limitBytes - facts.thresholdBytes;
  const over = margin > 0 ? Math.floor(((bytes - facts.thresholdBytes) / margin) * after) : after;
  return before + clamp(over, 0, after);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
