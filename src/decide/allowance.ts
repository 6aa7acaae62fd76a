/** Time that may be spent on something: so much at once, and a share of what passes. */
export interface AllowanceRule {
  readonly mostMs: number;
  readonly share: number;
}

/** What was left of it, and when. */
export interface Allowance {
  readonly leftMs: number;
  readonly atMs: number;
}

/** Nothing is spent yet. */
export function fullAllowance({ mostMs }: AllowanceRule): Allowance {
  return { leftMs: mostMs, atMs: 0 };
}

/** How much there is by now; less than nothing after more was spent than there was. */
export function allowanceLeftMs({ leftMs, atMs }: Allowance, rule: AllowanceRule, nowMs: number): number {
  return Math.min(leftMs + (nowMs - atMs) * rule.share, rule.mostMs);
}

/** What is left after so much was spent. */
export function spend(before: Allowance, rule: AllowanceRule, spentMs: number, nowMs: number): Allowance {
  return { leftMs: allowanceLeftMs(before, rule, nowMs) - spentMs, atMs: nowMs };
}
