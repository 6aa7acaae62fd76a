/** Incidents with the same key are told by one Event. */
export interface SeriesKey {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  /** null: the whole pod. */
  readonly container: string | null;
  /** The Event's reason, in its CamelCase. */
  readonly reason: string;
}

/** One Kubernetes Event as it should be: how often it happened, when, and what it says. */
export interface EventSeries extends SeriesKey {
  readonly name: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly message: string;
}

/** One incident as an Event tells it. */
export interface Occurrence extends SeriesKey {
  readonly timeMs: number;
  readonly message: string;
  /** What the Event is called if this is the first it tells of. */
  readonly name: string;
}

/** As long as API servers keep an Event by default: what happens later is told by a new one. */
export const FOLD_WINDOW_MS = 3_600_000;

/** Does an incident of the same key belong to the series? Both ways, because a clock may be set back. */
export function folds({ firstMs, lastMs }: EventSeries, timeMs: number): boolean {
  return timeMs >= firstMs - FOLD_WINDOW_MS && timeMs <= lastMs + FOLD_WINDOW_MS;
}

/** The series with one more incident, or a new one. An incident may come late: the newest says the message. */
export function fold(series: EventSeries | null, { timeMs, ...occurrence }: Occurrence): EventSeries {
  if (series === null) return { ...occurrence, count: 1, firstMs: timeMs, lastMs: timeMs };
  return {
    ...series,
    count: series.count + 1,
    firstMs: Math.min(series.firstMs, timeMs),
    lastMs: Math.max(series.lastMs, timeMs),
    message: timeMs >= series.lastMs ? occurrence.message : series.message,
  };
}
