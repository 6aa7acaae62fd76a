/** One line of the table of goals. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  /** null: it could not be measured. */
  readonly reached: boolean | null;
}

/** One series in a row of a plot. */
export interface Mark {
  readonly series: string;
  readonly middle: number;
  /** As far as the worst case reaches; absent: there is one value only. */
  readonly worst?: number;
}

/** Rows of dots on one axis. */
export interface Plot {
  readonly title: string;
  /** What is on the axis, with its unit. */
  readonly axis: string;
  readonly scale: "linear" | "log";
  readonly rows: readonly { readonly label: string; readonly marks: readonly Mark[] }[];
  /** A line across, with its name. */
  readonly line?: { readonly at: number; readonly label: string };
}

/** What one part of the bench found. */
export interface TableResult {
  readonly title: string;
  /** How it was measured, what may be wrong with it. */
  readonly notes: readonly string[];
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  readonly plot: Plot;
  /** Every single measurement. */
  readonly raw: unknown;
}

/** A goal for something of which less is better. */
export function atMost(what: string, measured: number, limit: number, unit: string, digits = 2): Goal {
  const reached = Number.isNaN(measured) ? null : measured <= limit;
  return {
    what,
    goal: `at most ${limit}${unit}`,
    measured: reached === null ? "not measured" : `${measured.toFixed(digits)}${unit}`,
    reached,
  };
}
