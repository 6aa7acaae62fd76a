import text from "./rules.yaml" with { type: "text" };

/** Alert rules for Prometheus, as `oom-guard print rules` prints them. */
export const alertRules: string = text;
