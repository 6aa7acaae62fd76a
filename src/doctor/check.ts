/** What a check came to. skip: it could not be looked at, or does not matter here; another line says why. */
export type Outcome = "ok" | "warn" | "fail" | "skip";

/** What was seen, and what would mend it. Text from outside need not be printable yet: the checkup makes it so. */
export interface Finding {
  readonly outcome: Outcome;
  /** One line. */
  readonly detail: string;
  /** One line, what to do; null where nothing is to be done. */
  readonly fix: string | null;
}

/** One question: can this part work here? */
export interface Check {
  /** Stable, kebab-case: scripts ask for it. */
  readonly id: string;
  /** May throw: that is a failed check. */
  look(): Finding | Promise<Finding>;
}

/** A check that was done. */
export interface Checked extends Finding {
  readonly id: string;
}

export const ok = (detail: string): Finding => ({ outcome: "ok", detail, fix: null });
export const skip = (detail: string): Finding => ({ outcome: "skip", detail, fix: null });
export const warn = (detail: string, fix: string | null): Finding => ({ outcome: "warn", detail, fix });
export const fail = (detail: string, fix: string | null): Finding => ({ outcome: "fail", detail, fix });
