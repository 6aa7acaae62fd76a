/** A moment by two clocks. */
export interface Moment {
  readonly wallMs: number;
  /** CLOCK_MONOTONIC, which the log's clock is near: nobody corrects that one, and it runs some seconds a week apart. */
  readonly bootMicros: number;
}

/**
 * When a record of this boot was written, in milliseconds since 1970.
 * @param now never before the record: of one that seems later it is the answer
 */
export function wallClockMs(bootMicros: number, now: Moment): number {
  return now.wallMs - Math.max(0, now.bootMicros - bootMicros) / 1000;
}
