/** How the victims of one strike are getting on. */
export interface Dying {
  readonly nextMs: number;
  readonly delayMs: number;
  readonly alive: number;
  readonly usageBytes: number;
  /** When a victim last died or memory last came free. */
  readonly progressMs: number;
  readonly stuck: boolean;
}

const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 20;
const STUCK_LOOK_MS = 1000;
// A process that frees 100 GB dies for many seconds, but its memory shrinks all the while.
const STUCK_AFTER_MS = 5000;
const PROGRESS_BYTES = 1024 * 1024;

export function freshDying(usageBytes: number, alive: number, nowMs: number): Dying {
  return {
    nextMs: nowMs + FIRST_LOOK_MS,
    delayMs: FIRST_LOOK_MS,
    alive,
    usageBytes,
    progressMs: nowMs,
    stuck: false,
  };
}

/** One more look at victims that still live: stuck when for five seconds nobody died and nothing came free. */
export function dyingStep(before: Dying, usageBytes: number, alive: number, nowMs: number): Dying {
  const progress = alive < before.alive || usageBytes <= before.usageBytes - PROGRESS_BYTES;
  const progressMs = progress ? nowMs : before.progressMs;
  const stuck = nowMs - progressMs >= STUCK_AFTER_MS;
  const delayMs = stuck ? STUCK_LOOK_MS : Math.min(before.delayMs * 2, LONGEST_LOOK_MS);
  return {
    nextMs: nowMs + delayMs,
    delayMs,
    alive,
    usageBytes: progress ? usageBytes : before.usageBytes,
    progressMs,
    stuck,
  };
}
